"""Interpolation between drawn slices, and what it is worth."""
