"""Where Docker daemons listen. Costs nothing: the library is not imported."""

import os
from pathlib import Path


def usual_url() -> str | None:
    """Return the first socket that exists: the system's, a rootless one, Docker Desktop's; None when there is none."""
    places = (
        Path("/var/run/docker.sock"),
        Path(f"/run/user/{os.getuid()}/docker.sock"),
        Path.home() / ".docker/run/docker.sock",
    )
    return next((f"unix://{place}" for place in places if place.exists()), None)
