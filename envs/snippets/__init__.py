"""Reproductions lifted from an issue's own text: code that people pasted becomes a check of before and after, without a model."""

from envs.snippets.extract import find_snippets
from envs.snippets.run import judge, run_snippet, shows
from envs.snippets.values import Snippet, SnippetRun, Step

__all__ = ["Snippet", "SnippetRun", "Step", "find_snippets", "judge", "run_snippet", "shows"]
