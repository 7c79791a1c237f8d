"""Run a snippet step by step and write what each step showed, as JSON, to a file that the snippet does not know.

    python run_snippet.py STEPS.json RESULT.json

Runs under the project's interpreter, which may be as old as Python 3.7, and imports nothing of Winnow.
"""

import ast
import contextlib
import io
import json
import sys
from typing import Any, Dict, List

_LIMIT = 20000


def _run(code: str, names: Dict[str, Any]) -> str:
    """Run one step as an interactive session would: the value of a last expression is shown."""
    out = io.StringIO()
    tree = ast.parse(code)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "<issue>", "exec"), names)  # noqa: S102 - that is what it is for
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<issue>", "eval"), names)  # noqa: S307
            if value is not None:
                names["_"] = value
                print(repr(value))  # noqa: T201 - the session's own output
    return out.getvalue()[:_LIMIT]


def _attempt(steps: List[str], prelude: str) -> Dict[str, Any]:
    """Run all steps in a fresh namespace."""
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    outputs = []  # type: List[str]
    found = {"status": "ended", "exception": "", "message": ""}  # type: Dict[str, Any]
    at_code = False
    try:
        exec(compile(prelude, "<prelude>", "exec"), names)  # noqa: S102
        at_code = True
        for step in steps:
            outputs.append(_run(step, names))
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is the answer
        missing = isinstance(error, (NameError, ImportError, SyntaxError)) and _is_own(error)
        found["status"] = "broken" if missing or not at_code else "raised"
        found["exception"] = type(error).__name__
        found["message"] = str(error)[:_LIMIT]
    found["outputs"] = outputs
    return found


def _is_own(error: BaseException) -> bool:
    """Whether the snippet itself, not the code that it calls, raised the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_filename if trace is not None else ""
    return name in ("<issue>", "<prelude>", __file__) or isinstance(error, SyntaxError)


def main() -> None:
    """Try the preludes in order until no name is missing."""
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    found = {}  # type: Dict[str, Any]
    for prelude in [""] + asked["preludes"]:
        found = _attempt(asked["steps"], prelude)
        if found["status"] != "broken":
            break
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
