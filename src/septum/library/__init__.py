"""Septum in a notebook: what `import septum` gives at its top, each name a few lines over the workflows.

The insight: a person in a notebook holds arrays, `Image`s or file names, and should not have to care which. An array
comes with its `spacing`; a file brings its own.
"""
