"""Labels that every container of ours carries."""

RUN, OWNER, EXPIRES = "winnow.run", "winnow.owner", "winnow.expires"
"""The run that asked; the owning process as JSON (`sandbox.owner`); seconds since 1970 after which it is litter."""
