"""Many different patches from few annotated images."""
