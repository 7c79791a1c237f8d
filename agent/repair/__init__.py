"""The repairer: a proposer that needs no model. It searches for one small edit that makes failing tests pass."""
