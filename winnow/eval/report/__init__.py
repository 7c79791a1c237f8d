"""What a batch, or another system's graded predictions, come to."""
