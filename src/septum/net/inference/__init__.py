"""Prediction in tiles with bounded memory."""
