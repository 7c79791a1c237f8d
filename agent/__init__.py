"""One candidate at a time: the trajectory and the proposers that walk it."""
