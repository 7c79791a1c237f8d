"""What the user wants of the project's environment."""

from collections.abc import Mapping

from pydantic import Field

from sandbox.values import Value


class ImageRequest(Value):
    """What the user wants of the project's environment; the defaults mean: find out."""

    image: str | None = None
    """Docker image that has everything: used as it is. `Dockerfile` means the repository's own."""
    base_image: str | None = None
    """Docker image to build on; it needs Python and git."""
    pytest: bool = True
    """Whether a Docker image that is named must have pytest. Where environments are built, it is installed in any case."""
    setup: tuple[str, ...] = ()
    """Shell commands that replace the detected installation. They run in the work tree, with the environment's tools first on PATH."""
    python: str | None = None
    """Interpreter: a path (local machines) or a version such as `3.11`. None: chosen by what the project declares."""
    virtual_env: str | None = None
    """Folder of the environment that was active when Winnow was called (local machines)."""
    path: str | None = None
    """PATH on which interpreters are looked for; None: the process's own."""
    pass_env: Mapping[str, str] = Field(default_factory=dict)
    """Variables for building: package indexes, proxies, certificates. Tests never see them."""
    network: bool = True
    """Whether building may use the network."""
