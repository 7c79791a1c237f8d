"""What the build of a Docker image is told: variables, certificates, and which network."""

from pathlib import Path

from envs.images.plan import build_env
from envs.images.request import ImageRequest

KEPT = "/opt/winnow"
"""Where the context of a build lies inside."""


def build_variables(request: ImageRequest) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the variables of the build, and the certificates that they name, which go along with the context."""
    env: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for name, value in build_env(request).items():
        path = Path(value)
        if not value.startswith("/"):
            env[name] = value
        elif path.is_file() and ("CERT" in name or "BUNDLE" in name):
            inside = f"certificates/{len(files)}.pem"
            files[inside] = path.read_bytes()
            env[name] = f"{KEPT}/{inside}"
        # Other paths of this machine mean nothing inside.
    return env, files


def build_network(request: ImageRequest) -> str:
    """Return the network of the build; a proxy on this machine is only reached through the machine's own."""
    local = any(
        f"//{name}" in value or f"@{name}" in value
        for name in ("localhost", "127.")
        for value in request.pass_env.values()
    )
    return "none" if not request.network else "host" if local else "default"
