"""Accuracy studies: seeded, with test images that training never saw; one command regenerates a table."""
