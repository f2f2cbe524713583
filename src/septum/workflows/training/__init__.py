"""`septum train`: from a data set to a model that was measured."""
