"""Places where a project's tests can run: found, or built and kept."""

from envs.images.prepare import prepare_image
from envs.images.request import ImageRequest

__all__ = ["ImageRequest", "prepare_image"]
