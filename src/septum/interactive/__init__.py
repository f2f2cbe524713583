"""The engines under every editing tool: a person draws a little, Septum does the rest and says how sure it is."""
