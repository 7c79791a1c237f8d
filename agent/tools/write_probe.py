"""The tool `write_probe`: a test that shows the issue."""

import posixpath
from collections.abc import Mapping
from typing import Any

from agent.models.values import ToolSpec
from agent.probe import SCRIPT, Probe
from agent.tools.staging import EditFailed, Staging
from agent.tools.syntax import check_syntax
from agent.tools.tree import Tree
from agent.tools.values import Observation


class WriteProbe:
    """Stores a probe; the loop runs it."""

    def __init__(self, tree: Tree, python: str) -> None:
        self._tree, self._python = tree, python
        self._last = ""
        self.spec = ToolSpec(
            name="write_probe",
            description=(
                "Store the probe, a test that shows the issue; it replaces the one before and is run for you, without and with your "
                "change. A stand-alone Python script that exits with 2 while the issue is there, 0 when it is fixed (anything else: the "
                "script is broken) and is no part of the change; or, with path, a new test file of the repository that fails, then "
                "passes; or, with test and without content, a test that you have added to a file of the repository."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "content": {"type": "string"},
                    "path": {
                        "type": "string",
                        "description": "new test file in the repository; leave out for a script",
                    },
                    "test": {
                        "type": "string",
                        "description": "id of a test that is in the repository, as the runner names it",
                    },
                },
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        content, path = arguments.get("content", ""), arguments.get("path", "").strip() or SCRIPT
        test = arguments.get("test", "").strip()
        if test and not content.strip():
            return self._existing(test)
        if test or not content.strip():
            return Observation(
                text="Give either the content of a probe or the id of a test. Nothing was stored.", ok=False
            )
        return self._new(content, path)

    def _new(self, content: str, path: str) -> Observation:
        """Write a probe of its own."""
        try:
            staging = Staging(self._tree, [path])
            file = staging.file(path)
            name = posixpath.normpath(file.path)
            script = name.startswith(".winnow/")
            if file.before is not None and not script and name != self._last:
                text = (
                    f"{name} exists already: choose a new name, or add your test to it with `edit` and give its id as test. "
                    "Nothing was stored."
                )
                return Observation(text=text, ok=False)
            data = content.encode()
            problem = check_syntax(self._tree.box, self._python, {name: data}).get(name)
            if problem:
                text = f"The probe does not parse: line {problem.line}: {problem.message}. Nothing was stored."
                return Observation(text=text, ok=False)
            file.after = data
            staging.write()
        except EditFailed as error:
            return Observation(text=f"The probe was not stored: {error}.", ok=False)
        self._last = name
        probe = Probe(kind="script" if script else "test", path=name, content=content)
        return Observation(text=f"Stored the probe as {name}.", data={"probe": probe.model_dump(mode="json")})

    def _existing(self, test: str) -> Observation:
        """Take a test of the repository for the probe, with its file as it is now."""
        for path in _files(test):
            if path.startswith(("/", "..")):
                continue
            try:
                content = self._tree.box.read(path).decode()
            except (OSError, UnicodeDecodeError):
                continue
            self._last = ""
            probe = Probe(kind="test", path=path, content=content, test=test)
            return Observation(text=f"The probe is {test}.", data={"probe": probe.model_dump(mode="json")})
        return Observation(text=f"No file of the test {test} was found: give its id as the runner names it.", ok=False)


def _files(test: str) -> list[str]:
    """Files in which a test may be, by its id: what stands before `::`, or dotted names, longest first."""
    if "::" in test or test.endswith(".py"):
        return [posixpath.normpath(test.partition("::")[0])]
    parts = test.split(".")
    return [f"{'/'.join(parts[:count])}.py" for count in range(len(parts) - 1, 0, -1)]
