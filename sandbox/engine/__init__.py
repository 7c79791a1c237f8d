"""Docker: the one place that imports its library."""
