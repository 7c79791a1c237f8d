"""What models are told, as files beside the code that fills their gaps."""

import string
from functools import cache
from importlib import resources


class Templates:
    """The texts of one package: files that end in `.md`, with gaps written as `$name`."""

    def __init__(self, package: str) -> None:
        self._package = package

    def render(self, name: str, **values: str) -> str:
        """Fill a text's gaps; what is put in is never read as a gap itself.

        Raises:
            KeyError: a gap has no value.
        """
        return _template(self._package, name).substitute(values).strip()


@cache
def _template(package: str, name: str) -> string.Template:
    return string.Template(resources.files(package).joinpath(f"{name}.md").read_text("utf-8"))
