"""The selection trajectory: a model writes tests that tell the leaders apart, sees what they show, and names one."""
