"""A whole dataset: every task through the run graph, graded, and reported."""
