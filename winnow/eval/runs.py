"""What a task's run left in its folder, for whoever comes after it."""

from collections.abc import Mapping

from agent.models.journaled import usage_of
from agent.values import Trajectory, Usage
from selection.selector import Choice
from winnow.purse import beside_trajectories
from winnow.steps import CHOICE
from winnow.store import RunDir, read_lines


def spent(run: RunDir) -> Usage:
    """All that the journals of a run say was paid, whether or not it came to an end."""
    journals = sorted((run.path / "trajectories").glob("*/events.jsonl"))
    return sum((usage_of(read_lines(journal)) for journal in journals), beside_trajectories(run))


def trajectories(run: RunDir) -> list[Trajectory]:
    """The tries of a run that ended, by id."""
    files = sorted((run.path / "trajectories").glob("*/trajectory.json"))
    found = (run.load(str(file.relative_to(run.path)), Trajectory) for file in files)
    return [one for one in found if one is not None]


def choice_of(run: RunDir) -> Choice | None:
    """What the selector came to; None where it did not get so far."""
    return run.load(CHOICE, Choice)


def diffs_of(run: RunDir) -> Mapping[str, str]:
    """Every candidate's patch by id: as it would be delivered, or as it came where the pool did not take it."""
    choice = choice_of(run)
    delivered = choice.patches if choice else {}
    return {
        one.id: delivered.get(one.id, one.patch).diff
        for trajectory in trajectories(run)
        for one in trajectory.candidates
    }
