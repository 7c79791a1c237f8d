"""Which GitHub repository a clone belongs to, by the addresses of its remotes."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from envs.errors import IssueUnusable
from envs.repository import open_checkout

_HINT = "Write owner/repository#7 instead."
_REMOTES = ("origin", "upstream")
_ADDRESS = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/|(?:[^@/:]+@)?(?P<ssh_host>[^/:]+):/?)"
    r"(?P<slug>[^/:]+/[^/]+?)(?:\.git)?/?"
)


def web_host(api_url: str) -> str:
    """Return the host that people see for an API's address: `github.com` for `https://api.github.com`; a port stays.

    Raises:
        IssueUnusable: it is no address.
    """
    try:
        parts = urlsplit(api_url)
    except ValueError as error:
        raise IssueUnusable(f"{api_url!r} is not the address of an API.", hint="Check GITHUB_API_URL.") from error
    return parts.netloc.rpartition("@")[2].lower().removeprefix("api.")


def slug_of(repository: Path | None, api_url: str) -> str:
    """Return `owner/name` of the first of `origin` and `upstream` that lies on the API's host.

    Raises:
        IssueUnusable: there is no repository, or neither remote lies there.
        RepositoryUnusable: the repository cannot be read.
    """
    if repository is None:
        raise IssueUnusable("A number alone says nothing outside of a repository.", hint=_HINT)
    host = web_host(api_url)
    user = open_checkout(repository).user
    elsewhere = []
    for remote in _REMOTES:
        answer = user.ask("remote", "get-url", remote)
        match = _ADDRESS.fullmatch(answer.out.decode("utf-8", "replace").strip()) if answer.status == 0 else None
        if match is None:
            continue
        found = (match["host"] or match["ssh_host"]).lower()
        # GitHub also listens for SSH on port 443, under `ssh.`; ports differ between HTTPS and SSH.
        if found.removeprefix("www.").removeprefix("ssh.") == host.partition(":")[0]:
            return match["slug"]
        elsewhere.append(f"{remote} is at {found}")
    what = ", ".join(elsewhere) or "it has no remote origin or upstream with an address that names one"
    raise IssueUnusable(f"The repository's place at {host} is not known: {what}.", hint=_HINT)
