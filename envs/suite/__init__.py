"""The repository's own tests: how they are run, what they say, and what a change did to them."""

from envs.suite.compare import BAD, Comparison, compare
from envs.suite.find import find_suite
from envs.suite.run import run_suite

__all__ = ["BAD", "Comparison", "compare", "find_suite", "run_suite"]
