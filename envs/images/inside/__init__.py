"""Scripts that run inside the sandbox under the project's own interpreter: Python 3.6 and newer, standard library only."""
