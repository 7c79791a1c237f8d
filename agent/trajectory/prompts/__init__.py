"""What models are told. The texts are files beside this one; this module fills their gaps."""

import string
from functools import cache
from importlib import resources


@cache
def _template(name: str) -> string.Template:
    return string.Template(resources.files(__name__).joinpath(f"{name}.md").read_text("utf-8"))


def render(name: str, **values: str) -> str:
    """Fill a text's gaps; what is put in is never read as a gap itself.

    Raises:
        KeyError: a gap has no value.
    """
    return _template(name).substitute(values).strip()
