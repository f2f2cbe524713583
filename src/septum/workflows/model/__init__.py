"""What a trained model is: settings, plan, folder, and the way of an image to its network."""
