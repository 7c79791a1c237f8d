"""What models are told, as files beside the code that fills their gaps."""

import string
from functools import cache
from importlib import resources


class Templates:
    """The texts of one package: files that end in `.md`, with gaps written as `$name`."""

    def __init__(self, package: str) -> None:
        self._package = package

    def render(self, name: str, **values: str) -> str:
        """Fill a text's gaps; what is put in is never read as a gap itself. A paragraph that is an empty gap goes away.

        Raises:
            KeyError: a gap has no value.
        """
        text = _text(self._package, name)
        for gap in (gap for gap, value in values.items() if not value):
            text = text.replace(f"${gap}\n\n", "")
        return string.Template(text).substitute(values).strip()


@cache
def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath(f"{name}.md").read_text("utf-8")
