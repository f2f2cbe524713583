"""`septum edit` and `septum interpolate`: what a person does by hand, on files."""
