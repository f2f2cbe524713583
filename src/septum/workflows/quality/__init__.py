"""What masks are worth without ground truth."""
