"""A scripted chat endpoint as a process: prints its URL, answers every call with one shell command, then with the end.

    PYTHONPATH=. python bench/endpoint.py --turns 200 [--latency 1.0] [--peer]

On end of standard input it prints one JSON line: of each call the conversation's turn, when it came and when it was answered, in seconds,
the request's bytes, and the conversation's seed.
"""

import argparse
import json
import re
import sys
import threading
import time

from tests.agent.models.server import Answer, ChatServer, Seen, completion

_SEED = re.compile(rb'"seed": ?(\d+)')
END = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--peer", action="store_true", help="speak mini-swe-agent's tool: bash, ended by an echo")
    options = parser.parse_args()
    lock = threading.Lock()
    calls: list[tuple[int, float, float, int, int]] = []

    def answer(seen: Seen) -> Answer:
        came = time.perf_counter()
        said = seen.raw.count(b'"role":"assistant"') + seen.raw.count(b'"role": "assistant"')
        if options.latency:
            time.sleep(options.latency)
        seed = _SEED.search(seen.raw)
        tool = "bash" if options.peer else "shell"
        reply = completion("", (tool, json.dumps({"command": f"echo hi {said}"})))
        if said >= options.turns:
            last = (
                ("bash", json.dumps({"command": END}))
                if options.peer
                else ("submit", '{"summary": "s", "waiver": "w"}')
            )
            reply = completion("", last)
        with lock:
            calls.append((said, came, time.perf_counter(), len(seen.raw), int(seed[1]) if seed else 0))
        return reply

    with ChatServer(answer, keep=False) as server:
        print(server.url, flush=True)
        sys.stdin.read()
    print(json.dumps(calls), flush=True)


if __name__ == "__main__":
    main()
