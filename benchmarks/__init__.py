"""Studies of speed and accuracy: each writes a JSON file under `benchmarks/results`, from which documents are made."""
