"""Data sets as people have them: cases, layouts, label values, folds, masks and marks in files."""
