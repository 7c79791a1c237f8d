"""Scores of a pool: the learned verifier's face."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from envs.errors import PatchRejected
from sandbox.values import Value
from selection.verifier.edits import read_edit
from selection.verifier.issue_features import issue_features, issue_of
from selection.verifier.likeness import Print, likenesses, print_of
from selection.verifier.model import Model, shipped_model
from selection.verifier.patch_features import patch_features
from selection.verifier.pool_features import pool_features


class VerifierInput(Value):
    """A candidate as the learned verifier sees it: no name, no narration, no test result."""

    diff: str
    """What `git diff` prints, or near it."""
    trajectory: str
    """Which independent try it comes from. What one try repeats counts once."""
    family: str = Field(default="")
    """Which system it comes from. Systems that copy each other, or one system run again, are one family; where a pool holds several
    families, each has one voice. Equal for all where there is only one."""


class Features(NamedTuple):
    """All that is known of one candidate."""

    alone: dict[str, float]
    """From the patch and the issue."""
    pool: dict[str, float] | None
    """From its rivals; None when no other voice is in the pool."""
    one_family: bool
    """The rivals are other tries of the same system, which agree for lesser reasons."""


def score_pool(
    issue_text: str, candidates: Sequence[VerifierInput], *, model: Model | None = None
) -> tuple[float | None, ...]:
    """Say for each candidate how likely it is right, in (0, 1), in the given order; a pure function.

    A score depends neither on the order of candidates nor on comments and docstrings in patches. It is calibrated for pools in which
    three of ten candidates are right. Of a patch and an issue only a bounded part is read.

    Args:
        issue_text: empty when there is none.
        candidates: the whole pool; rivals are evidence.
        model: the shipped one when left out.

    Returns:
        None where it abstains: what is no readable patch. Such a candidate is no rival either.
    """
    used = model or shipped_model()
    features = extract(issue_text, candidates)
    return tuple(None if one is None else used.probability(one.alone, one.pool, one.one_family) for one in features)


def extract(issue_text: str, candidates: Sequence[VerifierInput]) -> tuple[Features | None, ...]:
    """Compute the features of every candidate, in the given order; None for what cannot be read. Training uses this same function."""
    issue = issue_of(issue_text)
    alone: dict[int, dict[str, float]] = {}
    prints: dict[int, Print] = {}
    for at, candidate in enumerate(candidates):
        try:
            edit = read_edit(candidate.diff)
        except PatchRejected:
            continue
        alone[at] = {**patch_features(edit), **issue_features(issue, edit)}
        prints[at] = print_of(edit)
    kept = list(alone)
    voices, one_family = voices_of([candidates[at] for at in kept])
    if len(set(voices)) < 2:
        return tuple(Features(alone[at], None, one_family) if at in alone else None for at in range(len(candidates)))
    pool = dict(zip(kept, pool_features(likenesses(list(prints.values())), voices), strict=True))
    return tuple(Features(alone[at], pool[at], one_family) if at in alone else None for at in range(len(candidates)))


def voices_of(candidates: Sequence[VerifierInput]) -> tuple[list[str], bool]:
    """Whose voice each candidate is, and whether all are of one family: then each trajectory has its own."""
    one_family = len({candidate.family for candidate in candidates}) < 2
    return [c.trajectory if one_family else c.family for c in candidates], one_family
