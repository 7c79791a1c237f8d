"""Docker images of a dataset's tasks: found, pulled, or built from a repository and what is known of its version."""
