"""Pages to look at what a run made."""
