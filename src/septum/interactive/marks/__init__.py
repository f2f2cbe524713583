"""Semi-automated tools: a few marks of a person in, a change of the labels out."""
