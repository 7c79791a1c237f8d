"""Words of source and prose, brought to one form."""

import re
from functools import lru_cache

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""An identifier, or a word of prose."""

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

_MAX_WORD = 80

_COMMON = """
    a about above actual actually add after again all also always am an and another any are as at be because been before being
    below between both bug but by can cannot case cases cause causes code correct correctly could current currently describe
    description did different do does doesn doing don done down due during each either else en error even ever every example
    expect expected expecting exist exists fail fails failed few file files first fix following follows for found from full further
    get gets getting give given gives go good got had happen happens has have having he hello her here hi him his how however http
    https if import in info instead into is isn issue it its itself just know last like line lines ll look looks made main make
    makes many may maybe me might minimal more most much must my need needs new no non none nor not note now of off ok old on once
    one only onto or org other otherwise our out output over own please possible print problem python raise raises really reason
    recent reproduce report result results return returns returned right run running same say see seem seems self set should show
    shows simple simply since so some something still such support sure take test tests than thank thanks that the their them then
    there these they thing things think this those though through thus to too traceback true false try trying two under until up
    us use used user using value values ve version very via want was way we well were what when where whether which while who whole
    why will with within without won work working works would write wrong yet you your com github www com self cls def class
"""
STOP_WORDS = frozenset(_COMMON.split())
"""Of prose and of every program: they say nothing about where to look."""


@lru_cache(maxsize=200_000)
def terms_of(word: str) -> tuple[str, ...]:
    """The word itself in lower case, and its parts by snake and camel case, stemmed; parts of one letter are left out.

    Words of more than 80 letters are data and have no terms.
    """
    if len(word) > _MAX_WORD:
        return ()
    whole = word.lower().strip("_")
    parts = [part.lower() for part in _PART.findall(word)]
    found = dict.fromkeys(stem(part) for part in parts if len(part) > 1)
    if len(parts) > 1 and len(whole) > 2:
        found[whole] = None
    return tuple(found)


def stem(word: str) -> str:
    """Cut the commonest English endings, so that `sorting`, `sorted` and `sorts` meet `sort`."""
    for ending, rest in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("ers", ""),
        ("er", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + rest
            break
    return word.removesuffix("e") if len(word) > 4 else word
