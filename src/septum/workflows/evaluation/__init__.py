"""`septum evaluate`: masks against references, methods and readers compared."""
