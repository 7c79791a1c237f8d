"""Put held-out scores of the learned verifier into stored pools, so that policies which use it can be compared honestly.

    PYTHONPATH=. .venv/bin/python bench/verifier/hold_out.py POOLS OUT --candidates CANDIDATES.jsonl.gz --tasks TASKS.jsonl.gz
    winnow select bench OUT --labels LABELS.jsonl

The verifier that ships was trained on these very candidates. Here each is scored by a model that saw neither its family nor its
repository, as in `evaluate.py`; a family without a label gets a model that did not see the repository. Pools may hold evidence from
execution (`winnow select --evidence-out`), and must hold the tasks' candidates in the order of the candidates' file, as
`winnow select convert --tier full,partial` has them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from pools import SOURCES, Pool, read_pools
from protocol import Models, train_all
from train import PARTS

from selection.evidence import LEARNED
from selection.stored import StoredPool, evidence_of, read_values, write_values
from selection.values import Score


def main() -> None:
    """Read, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, required=True)
    args = parser.parse_args()
    known = {pool.task: pool for pool in read_pools(args.candidates, args.tasks)}
    models = train_all(list(known.values()), lambda row: row.source in SOURCES, parts=PARTS)
    print(write_values(args.out, held_out(read_values(args.pools, StoredPool), known, models)), "pools")


def held_out(pools: Iterator[StoredPool], known: dict[str, Pool], models: Models) -> Iterator[StoredPool]:
    """The same pools with other scores of the verifier."""
    for pool in pools:
        rows = known[pool.task_id]
        assert len(rows.rows) == len(pool.candidates), f"{pool.task_id}: other candidates than in the file"
        features = rows.features(range(len(rows.rows)))
        at = {candidate.id: number for number, candidate in enumerate(pool.candidates)}
        evidence = evidence_of(pool)
        scores = [score for score in evidence.scores if score.verifier != LEARNED]
        for leader in evidence.leaders:
            row = rows.rows[at[leader]]
            model = models.get((row.family, rows.repository)) or next(
                model for (_, repository), model in sorted(models.items()) if repository == rows.repository
            )
            value = model.probability(*features[at[leader]]) if at[leader] in features else None
            scores.append(Score(verifier=LEARNED, candidate_id=leader, value=value))
        yield pool.model_copy(update={"evidence": evidence.model_copy(update={"scores": tuple(scores)})})


if __name__ == "__main__":
    main()
