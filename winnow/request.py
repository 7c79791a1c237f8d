"""What was asked of a run, as it is stored."""

from collections.abc import Mapping
from typing import Any

from envs.values import Task
from sandbox.values import Value
from winnow.settings import Settings


class Request(Value):
    """Written once when a run is created; `resume` works from it alone."""

    repository: str
    """Absolute path of the user's work tree."""
    task: Task
    settings: Mapping[str, Any]
    """The settings tree without secrets."""
    version: str
    """Version of Winnow that made it."""
    created: str
    """ISO 8601, UTC."""


def without_secrets(settings: Settings) -> dict[str, Any]:
    """The tree as plain JSON values.

    `github` is left out, as nothing needs it once the issue is read; the model's key is read anew by whoever resumes.
    """
    return settings.model_dump(mode="json", exclude={"github": True, "model": {"api_key"}})
