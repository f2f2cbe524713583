"""`septum review`: the blinded reader study."""
