"""Labels of what is ours in an engine."""

RUN, OWNER, EXPIRES = "winnow.run", "winnow.owner", "winnow.expires"
"""The run that asked; the owning process as JSON (`sandbox.owner`); seconds since 1970 after which a container is litter."""

IMAGE = "winnow.image"
"""On images that were built for a project: its content's digest, or what it was built from."""
