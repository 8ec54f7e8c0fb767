"""What is done about a walk that failed its gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qqt_bayes.inference.gate import GateReport
from qqt_bayes.inference.sample import Settings, Walk, walk_until_passed

START = Settings(draws=5, tune=4, chains=2, target_accept=0.8)
PASSED = GateReport((), (), {"diverging": 0.0})
SHORT = GateReport((), ("too few",), {"diverging": 0.0})
DIVERGED = GateReport((), ("diverged",), {"diverging": 0.2})


class Script:
    """Walks of given verdicts, and what was asked and judged."""

    def __init__(self, *gates: GateReport) -> None:
        self.gates, self.asked, self.judged = list(gates), [], []

    def walk(self, attempt: int, settings: Settings) -> Walk:
        self.asked.append((attempt, settings))
        theta = np.full((settings.chains, settings.draws, 1), float(attempt))
        stats = {"energy": np.full(theta.shape[:2], float(attempt))}
        return Walk(theta, stats, 10)

    def judge(self, walk: Walk) -> tuple[Walk, GateReport]:
        self.judged.append(walk)
        return walk, self.gates[len(self.judged) - 1]

    def run(self, attempts: int = 3) -> Walk:
        return walk_until_passed(self.walk, self.judge, START, attempts)


def test_one_that_passes_is_all() -> None:
    script = Script(PASSED)
    assert script.run().theta.shape == (2, 5, 1)
    assert script.asked == [(0, START)]


def test_one_that_was_short_gets_chains_beside_it() -> None:
    script = Script(SHORT, PASSED)
    found = script.run()
    np.testing.assert_array_equal(found.theta[:, 0, 0], [0, 0, 1, 1])
    np.testing.assert_array_equal(found.stats["energy"][:, 0], [0, 0, 1, 1])
    assert found.gradients == 20
    assert script.asked == [(0, START), (1, START)]


def test_chains_double() -> None:
    script = Script(SHORT, SHORT, PASSED)
    assert script.run().theta.shape == (8, 5, 1)
    assert script.asked[2] == (2, replace(START, chains=4))


def test_one_that_diverged_is_replaced_by_a_longer_one_in_smaller_steps() -> None:
    script = Script(SHORT, DIVERGED, PASSED)
    found = script.run()
    assert (found.theta == 2.0).all()
    assert found.gradients == 30  # all that was spent
    last = script.asked[-1][1]
    assert (last.draws, last.tune, last.chains) == (10, 6, 2)
    assert last.target_accept == pytest.approx(0.94)


def test_the_last_one_is_returned_whatever_its_gate() -> None:
    script = Script(SHORT, SHORT, SHORT)
    assert script.run(attempts=3).theta.shape == (8, 5, 1)
