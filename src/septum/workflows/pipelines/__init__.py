"""Classical methods on files: pipelines, their comparison, and pixel classifiers."""
