"""The model: two logistic regressions, one for a patch alone and one for a patch among rivals."""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from pydantic import Field

from sandbox.values import Value

WEIGHTS = "weights.json"
"""The shipped model, beside this module; `bench/verifier/train.py` writes it."""

CLIP = 4.0
"""Standard deviations beyond which a feature counts no further: a strange patch must not be judged by one number."""


class Term(NamedTuple):
    """One feature's part in a regression."""

    mean: float
    deviation: float
    """Standard deviation in training; 0 for a feature that never varied, and then counts nothing."""
    weight: float
    """Log-odds per standard deviation."""


class Regression(Value):
    """Log-odds as a sum over features."""

    intercept: float
    terms: Mapping[str, Term]

    def log_odds(self, features: Mapping[str, float]) -> float:
        """Sum up; a feature that the regression does not know counts nothing.

        Raises:
            KeyError: a feature of the regression is missing.
        """
        return self.intercept + math.fsum(
            max(-CLIP, min(CLIP, (features[name] - term.mean) / term.deviation)) * term.weight
            for name, term in self.terms.items()
            if term.deviation
        )


class Manifest(Value):
    """Where the weights come from."""

    command: str
    data: Mapping[str, str]
    """SHA-256 of each data file, by its name."""
    date: str
    sources: tuple[str, ...]
    """Public repositories whose patches were trained on, with their licences."""
    patches: int
    tasks: int
    metrics: Mapping[str, float | tuple[float, float]] = Field(default_factory=dict)
    """As `bench/verifier/evaluate.py` measured them on repositories and families left out; pairs are 95 % intervals."""


class Model(Value):
    """Coefficients, and where they come from."""

    alone: Regression
    """On features of the patch and the issue."""
    among: Regression
    """On those and the rivals' agreement."""
    trust: float = Field(ge=0, le=1)
    """How far the rivals are believed where all are of one family: the share of `among` in the log-odds."""
    manifest: Manifest

    def probability(self, alone: Mapping[str, float], pool: Mapping[str, float] | None, one_family: bool) -> float:
        """Probability that a patch is right, in (0, 1); see `selection.verifier.score.Features` for the arguments."""
        odds = self.alone.log_odds(alone)
        if pool is not None:
            share = self.trust if one_family else 1.0
            odds += share * (self.among.log_odds({**alone, **pool}) - odds)
        return 1 / (1 + math.exp(-odds))


@lru_cache(maxsize=1)
def shipped_model() -> Model:
    """Read the model that comes with Winnow."""
    return Model.model_validate(json.loads(files("selection.verifier").joinpath(WEIGHTS).read_text("utf-8")))
