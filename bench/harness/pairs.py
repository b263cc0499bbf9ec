"""Contenders in turn, round after round, so that whatever slows the machine slows them all; and what that gives."""

import statistics
import time
from dataclasses import dataclass

REST = 0.02  # seconds between two contenders: threads that spin for more work go to sleep in it


@dataclass(frozen=True)
class Spread:
    """Figures of several rounds, in any unit."""

    median: float
    low: float  # first quartile
    high: float  # third quartile
    least: float

    @staticmethod
    def of(values: list[float]) -> "Spread":
        if len(values) == 1:
            return Spread(*values * 4)
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(median, low, high, min(values))


def interleave(contenders, rounds: int, tasks: int, warmup: int) -> dict[str, list[float]]:
    """Seconds a task, by contender's name, a figure a round. A figure is the mean over `tasks` tasks, garbage
    collection and all, after `warmup` tasks that bring the contender's data back into the caches."""
    found = {c.name: [] for c in contenders}
    for c in contenders:
        c.run(warmup)
    for _ in range(rounds):
        for c in contenders:
            time.sleep(REST)
            c.run(warmup)
            found[c.name].append(c.run(tasks))
    return found


def ratio(theirs: list[float], ours: list[float]) -> Spread:
    """How many times as long as ours theirs took, round by round."""
    return Spread.of([t / o for t, o in zip(theirs, ours, strict=True)])
