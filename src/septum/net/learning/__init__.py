"""Training: patches, objectives, the loop, checkpoints, the simulated user."""
