"""The pixel classifier: features, forest, training from scribbles."""
