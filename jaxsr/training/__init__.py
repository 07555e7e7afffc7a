"""Training: losses, pure steps, checkpoints, and the loop."""
