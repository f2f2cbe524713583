"""`septum predict`: from images and a model to masks."""
