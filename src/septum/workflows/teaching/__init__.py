"""What `septum lesson` computes, draws and asks: the lecture, idea by idea."""
