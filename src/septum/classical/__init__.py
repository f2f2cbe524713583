"""The classical algorithms: baselines that every network must beat, and first guesses that a person corrects."""
