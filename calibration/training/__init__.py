"""The training loop, and what it needs: early stopping, checkpoints, history."""
