"""What models are told. The texts are files beside this one; this module fills their gaps."""

import string
from functools import cache
from importlib import resources


@cache
def _text(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.md").read_text("utf-8")


def render(name: str, **values: str) -> str:
    """Fill a text's gaps; what is put in is never read as a gap itself. A paragraph that is an empty gap goes away.

    Raises:
        KeyError: a gap has no value.
    """
    text = _text(name)
    for gap in (gap for gap, value in values.items() if not value):
        text = text.replace(f"${gap}\n\n", "")
    return string.Template(text).substitute(values).strip()
