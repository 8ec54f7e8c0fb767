"""Each check's statuses on cases made for it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes._json import plain
from qqt_bayes.decide.text import and_list
from qqt_bayes.inference.gate import GateReport
from qqt_bayes.risk import FAIL, INFO, PASS, REVIEW
from qqt_bayes.risk.check import Check, combine, worst
from qqt_bayes.risk.checks import (
    convergence,
    distance,
    fit_quality,
    laws,
    leave_out,
    priors,
    record,
    stakes,
    table,
)
from qqt_bayes.risk.history import Record

NAMES = ["A", "A+B"]
RNG = np.random.default_rng(0)


def test_a_trajectory_is_left_out_as_one() -> None:
    """By what its checkpoints move together, and named by the one that moves most."""
    moved = np.array([0.3, 0.2, 0.25, 0.25, 0.1])
    run = np.array([-1, 0, 0, 0, -1])
    assert leave_out.heaviest(moved, run)[:2] == [2, 0]
    assert len(set(leave_out.heaviest(moved, run)) & {1, 3}) == 0


def test_convergence() -> None:
    weights = convergence.judge(GateReport((), (), {"k": 0.31, "ess": 800.0, "apart": 1.1}))
    assert weights.status == PASS
    assert "Pareto k of the importance weights at most 0.310" in weights.text
    figures = {"r_hat": 1.003, "ess": 900.0}
    chains = convergence.judge(GateReport((), (), figures))
    assert chains.status == PASS
    assert "R-hat at most 1.003, effective draws at least 900" in chains.text
    failed = convergence.judge(GateReport((), ("utility: R-hat 1.200",), figures))
    assert failed.status == FAIL
    assert "utility" in failed.text
    assert "--draws" in failed.advice


def quality(pit: np.ndarray, k_hat: float = 0.2) -> Check:
    names = [f"cell {i}" for i in range(len(pit))]
    k = np.full(len(pit), 0.1)
    k[0] = k_hat
    return fit_quality.judge(pit, k, 0.7, names, {n: [n] for n in names})


def test_fit_quality() -> None:
    even = (np.arange(30) + 0.5) / 30
    assert quality(even).status == PASS
    influential = quality(even, k_hat=0.9)
    assert influential.status == PASS  # named, not dropped, not condemned
    assert "cell 0" in influential.text
    narrow = quality(np.concatenate([np.full(15, 0.001), np.full(15, 0.999)]))
    assert narrow.status == FAIL
    assert "too narrow" in narrow.text
    outlier = even.copy()
    outlier[3] = 1e-6
    found = quality(outlier)
    assert found.status == REVIEW
    assert "cell 3" in found.text


def history(inside: list[bool], factor: float = 2.0, regret: float = 0.0) -> Record:
    count = len(inside)
    scores = pd.DataFrame(
        {
            "what": "level", "factor": factor, "origin": np.arange(count) % 4, "budget": 1.0,
            "in90": inside, "crps": 0.1, "score90": 0.5, "log_score": 1.0,
        }
    )  # fmt: skip
    scores = pd.concat([scores, scores.assign(what="difference")])
    choices = pd.DataFrame(
        {"factor": [factor] * 3, "regret": regret, "regret_expected": 0.001,
         "regret_rank": 0.0, "p_true": 0.5}
    )  # fmt: skip
    return Record(scores, choices, (1.0, 2.0), seed=1)


def test_one_cell_has_no_others() -> None:
    found = quality(np.array([0.5]))
    assert found.status == INFO
    assert "one cell only" in found.text


@pytest.mark.parametrize(
    ("hits", "status"), [(20, PASS), (18, PASS), (13, REVIEW), (4, FAIL)]
)  # fmt: skip
def test_record_coverage(hits: int, status: str) -> None:
    inside = [i < hits for i in range(20)]
    found = record.judge(history(inside), 2.0, margin=0.02)
    assert found.status == status
    assert f"{hits} of 20" in found.text
    assert bool(found.advice) == (status != PASS)


def test_record_of_overconfident_choices() -> None:
    good = [True] * 20
    assert record.judge(history(good, regret=0.05), 2.0, margin=0.02).status == REVIEW
    assert record.judge(history(good, regret=0.0), 2.0, margin=0.02).status == PASS
    beaten = record.judge(history(good, regret=0.015), 2.0, margin=0.02)
    assert beaten.status == INFO  # it is told, and no PASS stands beside it
    assert "the simpler rule lost less" in beaten.text


def test_no_record() -> None:
    found = record.judge(Record(pd.DataFrame(), pd.DataFrame(), ()), 2.0, margin=0.02)
    assert found.status == REVIEW
    assert "three budgets" in found.text
    inside = record.judge(Record(pd.DataFrame(), pd.DataFrame(), ()), 1.0, margin=0.02)
    assert inside.status == PASS
    below = record.judge(history([True] * 20), 0.4, margin=0.02)
    assert below.status == INFO


def test_record_takes_its_own_distance() -> None:
    near, far = history([True] * 20, 2.0), history([False] * 20, 8.0)
    both = Record(
        pd.concat([near.scores, far.scores], ignore_index=True), near.choices, (1.0,), 0
    )  # fmt: skip
    assert record.judge(both, 2.0, 0.1).status == PASS
    assert record.judge(both, 7.0, 0.1).status == FAIL


def go(**changed: object) -> Check:
    usual: dict = {
        "factor": 2.0, "tested": 8.0, "epochs": 3.0, "seen_epochs": 2.0, "data": "A+B",
        "own": 1.0, "strangers": [], "untried": [],
    }  # fmt: skip
    return distance.judge(**(usual | changed))


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({}, PASS, "2.0x"),
        ({"factor": 1.0}, PASS, "inside your runs"),
        ({"factor": 0.5}, REVIEW, "2.0x below the smallest run"),
        ({"factor": 0.2}, FAIL, "extrapolated downwards"),
        ({"factor": 4.0}, PASS, "4.0x"),
        ({"factor": 6.0}, REVIEW, "going on"),
        ({"factor": 6.0, "tested": 2.0}, REVIEW, "reach 2x"),
        ({"factor": 10.0}, REVIEW, "slopes"),
        ({"factor": 20.0}, FAIL, "20.0x"),
        ({"epochs": 9.0, "seen_epochs": 3.0}, REVIEW, "9.0 epochs"),
        ({"epochs": 20.0, "seen_epochs": 2.0}, FAIL, "20.0 epochs"),
        ({"epochs": 3.9, "seen_epochs": 0.5}, PASS, "3.9 epochs"),
        ({"own": 0.0}, REVIEW, "never run"),
        ({"untried": ["B"]}, REVIEW, "B may be better"),
        ({"untried": ["B"], "factor": 1.0}, REVIEW, "B may be better"),
        ({"own": 0.1}, REVIEW, "10%"),
        ({"strangers": ["C"], "own": 0.0}, FAIL, "no run draws from C"),
    ],
)
def test_distance(changed: dict, status: str, word: str) -> None:
    found = go(**changed)
    assert found.status == status
    assert word in found.text


def draws(gap: float, spread: float) -> np.ndarray:
    """Candidate 0 ahead of candidate 1 by about a gap."""
    latent = np.full((4000, 2), 2.0)
    latent[:, 1] += gap + spread * RNG.standard_normal(4000)
    return latent


@pytest.mark.parametrize(
    ("gap", "spread", "status"),
    [
        (0.10, 0.02, PASS),  # clear
        (0.001, 0.005, PASS),  # a tie that costs nothing
        (0.02, 0.08, REVIEW),  # a bet
        (0.02, 0.03, PASS),  # one in eleven costs more than the margin
        (0.02, 0.04, REVIEW),  # one in six, though little on average
    ],
)
def test_stakes(gap: float, spread: float, status: str) -> None:
    found = stakes.judge(draws(gap, spread), 0, 0.02, "A", "B")
    assert found.status == status
    assert "P(A is best)" in found.text


def test_nothing_to_choose() -> None:
    assert stakes.judge(np.ones((10, 1)), 0, 0.02, "A", None).status == INFO


def test_laws() -> None:
    same = laws.judge({"no drift": draws(0.1, 0.01)}, 0, 0.02, NAMES)
    assert same.status == PASS
    slight = laws.judge({"no drift": draws(-0.01, 0.001)}, 0, 0.02, NAMES)
    assert slight.status == PASS
    assert "below the margin" in slight.text
    other = laws.judge({"no drift": draws(-0.1, 0.01)}, 0, 0.02, NAMES)
    assert other.status == REVIEW
    assert "under 'no drift' A+B is best" in other.text
    assert laws.judge({}, 0, 0.02, NAMES).status == INFO


def test_leave_one_out() -> None:
    stays, flips = draws(0.1, 0.01), draws(-0.1, 0.01)
    assert leave_out.judge({("run", "A at 1M (run a)"): stays}, 0, 0.02, NAMES).status == PASS
    found = leave_out.judge({("run", "A at 1M (run a)"): flips}, 0, 0.02, NAMES)
    assert found.status == REVIEW
    assert "run a" in found.text
    assert "another seed" in found.advice
    pool = leave_out.judge({("data", "all runs of A"): flips}, 0, 0.02, NAMES)
    assert pool.status == INFO
    assert "it needs all runs of A" in pool.text


def test_priors() -> None:
    latent = draws(0.1, 0.02)
    none = np.zeros(4000)
    logs = {"prior": none, "likelihood": none}
    gap = latent[:, 1] - latent[:, 0]
    calm = priors.judge(latent, 0, 0.02, logs, {"difference": gap}, [])
    assert calm.status == PASS
    assert calm.text == "stronger or weaker priors do not change the choice"
    assert calm.figures["prior"]["difference"] < 1e-6
    # a close call that the prior decides
    latent = draws(0.005, 0.1)
    gap = latent[:, 1] - latent[:, 0]
    logs = {"prior": 1.2 * gap / gap.std(), "likelihood": none}
    swayed = priors.judge(latent, 0, 0.02, logs, {"difference": gap}, ["dilution"])
    assert swayed.status == REVIEW
    assert "half as strong" in swayed.text
    assert "dilution" in swayed.text


def settings(**columns: object) -> SimpleNamespace:
    frame = {"data": ["A", "B"] * 2, "samples": [1e5, 1e5, 2e5, 2e5], **columns}
    return SimpleNamespace(runs=SimpleNamespace(table=pd.DataFrame(frame)))


def test_table_settings() -> None:
    assert table.confounded(settings(lr=[1.0] * 4)) == ([], [])
    (told,), _ = table.confounded(settings(lr=[1.0, 2.0, 1.0, 2.0]))
    assert "'lr' differs between data" in told
    (told,), _ = table.confounded(settings(batch_size=[1, 1, 2, 2]))
    assert "varies with budget" in told
    tuned = table.confounded(settings(batch_size=[1, 1, 2, 2], tuned=[True] * 4))
    assert tuned[0] == []
    assert "varies with budget" in tuned[1][0]
    (told,), _ = table.confounded(settings(tuned=[True, False, True, True]))
    assert "1 row was not tuned" in told


def scene(samples: list[float], runs: list[str], annealed: float = np.nan, size: float = 1e6):
    """One pool, as much of a context as the check of the table looks at."""
    study = SimpleNamespace(
        samples=np.array(samples), run=np.array(runs), shares=np.ones((len(runs), 1)),
        annealed=np.full(len(runs), annealed), warnings=("one run only",),
        pools=SimpleNamespace(sizes=(size,)), epochs=np.array(samples)[:, None] / size,
    )  # fmt: skip
    table = pd.DataFrame({"data": "A", "samples": samples})
    fit = SimpleNamespace(study=study, runs=SimpleNamespace(table=table))
    decision = SimpleNamespace(best=[0])
    return SimpleNamespace(fit=fit, budgets=[4e6], shares=np.ones((1, 1)), decision=decision)


def test_table_asks_for_a_run_that_repeats() -> None:
    (never,) = table.check(scene([5e5, 1e6], ["a", "b"]))
    assert never.status == REVIEW
    assert "no run repeats a pool, although the target passes 4.0 epochs" in never.text
    assert never.figures["notes"] == ["one run only"]
    (repeated,) = table.check(scene([5e5, 2e6], ["a", "b"]))
    assert repeated.status == INFO
    (fresh,) = table.check(scene([5e5, 1e6], ["a", "b"], size=1e7))
    assert fresh.status == INFO


def test_table_of_checkpoints() -> None:
    (unfinished,) = table.check(scene([5e5, 2e6], ["a", "b"], annealed=0))
    assert unfinished.status == REVIEW
    assert "had not ended" in unfinished.text
    (mixed,) = table.check(scene([5e5, 2e6, 2e6], ["a", "a", "b"]))
    assert mixed.status == REVIEW
    assert "checkpoints not said to be annealed" in mixed.text
    (known,) = table.check(scene([5e5, 2e6, 2e6], ["a", "a", "b"], annealed=1))
    assert known.status == INFO
    (single,) = table.check(scene([5e5, 2e6], ["a", "b"]))
    assert single.status == INFO


def test_table_status() -> None:
    assert table.judge([], []).status == PASS
    assert table.judge([], ["one seed only"]).status == INFO
    assert table.judge([], ["one seed only"]).text == "one seed only"
    assert table.judge(["'lr' differs"], []).status == REVIEW


def test_verdict_is_the_gravest() -> None:
    fine = Check("distance", PASS, "2.0x the largest run")
    look, stop = Check("laws", REVIEW, "r", "do this"), Check("record", FAIL, "f")
    assert combine((fine,)) == (PASS, ("2.0x the largest run",))
    told = Check("table", INFO, "a note")
    assert combine((fine, told)) == (PASS, ("2.0x the largest run",))
    assert combine((fine, look)) == (REVIEW, ("laws: r -> do this",))
    assert combine((look, fine, stop)) == (FAIL, ("record: f", "laws: r -> do this"))


def test_small_words() -> None:
    assert worst([]) == PASS
    assert worst([PASS, FAIL, REVIEW, INFO]) == FAIL
    assert worst([INFO]) == PASS
    assert and_list(["A", "B", "C"]) == "A, B and C"
    assert and_list("ABCDEF", 2) == "A, B and 4 more"
    odd = {"a": np.array([1.0, np.nan]), "b": np.bool_(True), "c": (np.int64(2), "x", None)}
    assert plain(odd) == {"a": [1.0, None], "b": True, "c": [2, "x", None]}
