"""What `septum lesson` computes, draws and asks."""
