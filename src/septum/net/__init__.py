"""Networks and what surrounds them: the only room that imports torch."""
