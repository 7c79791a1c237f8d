"""Evidence by execution: tests and probes on patched copies, each run once."""
