"""Many candidates in, one out, or none."""
