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
                "script is broken) and is no part of the change; or, with path, a test file of the repository that fails, then "
                "passes."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "content": {"type": "string"},
                    "path": {"type": "string", "description": "test file in the repository; leave out for a script"},
                },
                "required": ["content"],
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        content, path = arguments["content"], arguments.get("path", "").strip() or SCRIPT
        if not content.strip():
            return Observation(text="The probe is empty.", ok=False)
        try:
            staging = Staging(self._tree, [path])
            file = staging.file(path)
            name = posixpath.normpath(file.path)
            script = name.startswith(".winnow/")
            if file.before is not None and not script and name != self._last:
                text = f"{name} exists already: choose a new name. Nothing was stored."
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
