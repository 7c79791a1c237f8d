"""Machines to run commands in: Docker, confined local, host and scripted, behind one port."""
