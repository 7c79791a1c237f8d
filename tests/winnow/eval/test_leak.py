"""Gold never reaches the run that solves a task: not its prompts, sandboxes, journals, logs or files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agent.models.server import Answer, ChatServer, Seen, completion
from tests.winnow.eval.kit import BAD, GOOD, make_dataset, run_git

CANARY = "kanarienvogel7391"
SEARCH = "kanarienvogel[7]391"
"""Finds it without naming it."""
CONTROL = "spr[e]ad"
LOOK = f"""
for word in '{SEARCH}' '{CONTROL}'; do
    echo "looking for $word"
    find / -xdev -not -path '/proc/*' -name "*$word*" 2>/dev/null
    grep -rIls "$word" / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev
    cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep "$word" | grep -v "'$word'"
    git log --all --format=%H%n%B -p 2>/dev/null | grep -m1 "$word"
done; echo "commits: $(git log --all --oneline | wc -l)"
"""


def spy(seen: Seen) -> Answer:
    """Searches its sandbox for the canary, mends the bug and submits."""
    said = sum(message["role"] == "assistant" for message in seen.body["messages"])
    if not seen.body.get("tools"):
        return completion("[]")
    if said == 0:
        return completion("", ("shell", json.dumps({"command": LOOK})))
    broken = next(name for name in GOOD if f"{name}() is wrong" in json.dumps(seen.body["messages"]))
    if said == 1:
        edit = {"path": "prices.py", "old": BAD[broken], "new": GOOD[broken]}
        return completion("", ("edit", json.dumps({"edits": [edit]})))
    return completion("", ("submit", json.dumps({"summary": "s", "waiver": "w"})))


def rows(folder: Path) -> Path:
    """The small dataset as a file, and a mirror whose later history holds the canary as well."""
    records, gold = make_dataset(folder, canary=CANARY)
    upstream = folder / "upstream"
    (upstream / "prices.py").write_text(f"# {CANARY}\n")
    run_git(upstream, "add", "-A")
    run_git(upstream, "commit", "-qm", f"The future: {CANARY}")
    run_git(upstream, "tag", f"v{CANARY}")
    (folder / "mirror").mkdir()
    run_git(folder, "clone", "-q", "--bare", str(upstream), "mirror/ada__prices.git")
    lines = []
    for record in records[:2]:
        secret = gold[record.task.id]
        assert record.task.issue is not None
        row: dict[str, Any] = {
            "instance_id": record.task.id,
            "repo": "ada/prices",
            "version": "1.0",
            "base_commit": record.base_commit,
            "problem_statement": record.task.issue.text,
            "hints_text": f"hint {CANARY}",
            "patch": secret.patch.diff,
            "test_patch": secret.test_patch.diff,
            "FAIL_TO_PASS": json.dumps(secret.fail_to_pass),
            "PASS_TO_PASS": json.dumps(secret.pass_to_pass),
            "eval_script": secret.eval_script,
            "log_parser": secret.log_parser,
            "an_unknown_column": CANARY,
        }
        assert sum(CANARY in str(value) for value in row.values()) == 8
        lines.append(json.dumps(row))
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def observation(prompt: str) -> str:
    """What the search showed, where it is the newest message."""
    last = json.loads(prompt)["messages"][-1]
    return str(last["content"]) if last["role"] == "tool" and "commits:" in last["content"] else ""


@pytest.mark.docker
@pytest.mark.timeout(280)
def test_no_gold_in_prompts_sandboxes_journals_logs_or_files(tmp_path: Path, docker_base: str) -> None:
    tasks = rows(tmp_path)
    with ChatServer(spy) as server:
        env = {**os.environ, "OPENAI_API_KEY": "x", "WINNOW_SUITE_COMMAND": "env PYTHONPATH=. python3 tests/there.py"}
        asked = f"eval {tasks} -n 1 -m robot --base-url {server.url} --mirror {tmp_path / 'mirror'} --no-pull "
        asked += f"--strategy react --base-image {docker_base} -w 1 --grade all -o {tmp_path / 'batch'} --json"
        done = subprocess.run(
            [Path(sys.executable).with_name("winnow"), *asked.split()],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        result = json.loads(done.stdout)
        prompts = [seen.raw.decode() for seen in server.seen]
    assert result["ended"] == {"patch": 2}, result
    assert len((tmp_path / "batch/grades.jsonl").read_text().splitlines()) == 2
    looked = [text for prompt in prompts if (text := observation(prompt))]
    assert len(looked) == 2, "both tasks were searched, and each search was told once"
    for text in looked:
        assert "prices.py" in text.partition(f"looking for {CONTROL}")[2], f"the search finds nothing: {text}"
        assert "commits: 1\n" in f"{text}\n", text
    # The mirror's hidden test exists for the grader alone.
    assert not any(CANARY in prompt for prompt in prompts)
    runs = tmp_path / "batch/runs"
    files = [path for path in [*runs.rglob("*"), *(tmp_path / "batch/logs").glob("solve*")] if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if CANARY.encode() in path.read_bytes() or CANARY in path.name] == []
    assert CANARY not in done.stdout + done.stderr
    for name in ("batch.json", "manifest.json", "results.jsonl", "preds.jsonl", "preds.json"):
        assert CANARY not in (tmp_path / "batch" / name).read_text()
