"""Runs inside the sandbox, under the project's interpreter."""
