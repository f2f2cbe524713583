"""Movies: objects linked over time, in the files of the Cell Tracking Challenge, as tables, pictures and a page."""
