"""What a trajectory is shown of the repository before it looks for itself: found once per task, shared by all trajectories."""
