"""Opinion without execution: a model says how likely a change is right, and which of close ones is better."""
