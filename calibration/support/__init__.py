"""What the verbs of `calibration` share: batches, hooks, samples, processes."""
