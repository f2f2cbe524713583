"""Figures and self-contained pages, from tables and arrays: no file is read here, no setting known."""
