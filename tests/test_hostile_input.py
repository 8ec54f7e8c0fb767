"""Whatever is given, it is read as written or refused with a message: never a traceback.

The ordinary run tries a few hundred inputs a test; `pytest -m slow` tries more than a hundred
thousand.
What was found once is kept in `tests/corpus`.
"""

import contextlib
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hostile import mutated, names, numbers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qqt_bayes.act.answer import data_now, positive
from qqt_bayes.act.table import read_actions
from qqt_bayes.allocation.answer import parse_compute
from qqt_bayes.buy.ask import parse_weights
from qqt_bayes.buy.ask import positive as spendable
from qqt_bayes.buy.designs import read_designs
from qqt_bayes.buy.stop import parse_stake
from qqt_bayes.decide.candidates import parse_budgets, parse_candidates
from qqt_bayes.errors import MESSAGE, QQTError, UsageError
from qqt_bayes.finished import HEAD, NO_ANSWER, Finished, packed, unpacked
from qqt_bayes.limits import COUNTS, LIMITS
from qqt_bayes.model.spec import load_spec, spec_folder
from qqt_bayes.report.checklists import read_answers
from qqt_bayes.runs import parse_mixture, read_pools, read_runs
from qqt_bayes.runs.importers import import_runs

CORPUS = Path(__file__).parent / "corpus"
FAST = settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
MANY = 10_000  # inputs of each kind in the slow run

POOLS = (
    "pool,size,quality_rank,family,overlaps,price\nA,60k,1,web,,1\nB,1.2M,2,web,,2\nC,inf,3,,,3\n"
)
DESIGNS = "data,samples,seeds,cost\nA,480k,1,\nB,960k,2,1.5M\nA+B,1M,,\nA:0.7+C:0.3,2M,3,7\n"
ACTIONS = (
    "action,pool,changes,cost,per\nbuy,A,size=120k,50k,\nbetter,B,rank=1.5,.2,sample\n"
    "more,B,utility=1.05..1.3,,\nswap,A,pool=C,1,fixed\nmix,,data=A:0.6+C:0.4,3M,\n"
)
RUNS = (
    "run,data,samples,metric,value,n_eval,seed\na,A,30k,error,.5,1000,0\nb,A,60k,error,.4,1000,0\n"
    "c,B,60000,error,0.45,1000,1\nd,A+B,1.2M,error,3e-1,1000,0\ne,A:0.7+C:0.3,1e6,loss,2.5,,0\n"
)
WIDE = (
    "Run Name,Mixture,Tokens Seen,seed,val_loss,top1 accuracy,lr\n"
    "r1,A,1000,0,2.5,40%,3e-4\nr2,A+B,2k,0,2.4,,3e-4\nr3,A+B,4k,0,2.3,0.5,3e-4\n"
)
TRAINER = (
    '{"log_history": [{"step": 10, "eval_loss": 2.5, "epoch": 0.5}, '
    '{"step": 20, "eval_loss": 2.25, "epoch": 1.0}], "global_step": 20}'
)
EVALUATIONS = (
    '{"results": {"arc": {"acc,none": 0.31, "acc_stderr,none": 0.01, "alias": "arc"}}, '
    '"n-samples": {"arc": {"original": 100, "effective": 100}}, "config": {"model": "a"}}'
)
RESULTS = (
    '{"key": "a", "dataset": "A", "metrics": {"acc1": 0.31, "acc5": 0.6}}\n'
    '{"key": "b/c", "dataset": "B", "metrics": {"main_metric": 0.7}}\n'
)
LOG = (
    "[epoch=1][batch=10/100]:\n\t Train time/token: 20480\n\t Train loss/train/total: 3.5\n"
    "\t Eval metrics/eval/LanguageCrossEntropy: 3.2\n"
    "[metric][batch=20]: time/token: 40960\n[metric][batch=20]: metrics/eval/Accuracy: 0.5\n"
)
CHART = (
    '"Step","A - val/loss","A - val/loss__MIN","B - val/loss"\n'
    '"0","","",""\n"60","2.7","2.6","2.6"\n"120k","2.6","2.6",""\n'
)
SHARES = (
    "run,train/web,train/code,tokens,eval/loss\na,0.25,0.75,1000,2.5\nb,50%,50%,2k,2.4\n"
    "c,1,0,4000,2.3\n"
)
ROWS = (
    '[{"run": "a", "config": {"data": {"A": 0.5, "B": 0.5}, "seed": 1}, "tokens": 1000, '
    '"loss": 2.5},\n{"run": "b", "config": {"data": "A", "seed": [1]}, "tokens": 1e3, "loss": 2}]'
)
JOBS = "\n".join(
    map(json.dumps, (HEAD, {"job": "a", "answer": {"array": ["<f8", [2], [1.0, 2.0]]}},
                     {"job": "b", "answer": {"tuple": [1, {"float": "nan"}]}},
                     {"job": "c", "answer": {"table": [["x", "int64", [1, 2]]], "rows": 2}}))
) + "\n"  # fmt: skip
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?(e[0-9]{1,2})?")
SPEC = (spec_folder() / "effective_utility.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    path = tmp_path_factory.mktemp("pools") / "pools.csv"
    path.write_text(POOLS)
    return read_pools(path)


def refused(read, *args):
    """What is read, or None with a message that is one: neither empty nor of unbounded length."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return read(*args)
        except QQTError as error:
            told = str(error)
    assert 0 < len(told.strip()) <= MESSAGE
    return None


# --- one reader a kind; each takes a text and checks what it accepts ---------------------------


def budgets(text: str, _pools, _folder) -> None:
    found = refused(parse_budgets, text)
    if found is not None:
        assert len(found) <= COUNTS["budgets"]
        assert all(map(LIMITS["samples"].holds, found))


def amounts(text: str, _pools, _folder) -> None:
    for limit, read in (("spend", spendable), ("stake", parse_stake), ("price", positive)):
        found = refused(read, text)
        assert found in (None, "compute") or LIMITS[limit].holds(found)
    found = refused(parse_compute, text)
    assert found is None or all(map(LIMITS["compute"].holds, found))
    with contextlib.suppress(ValueError):
        weights = [float(part) for part in text.split(",")]
        found = refused(parse_weights, weights, len(weights))
        assert found is None or abs(found.sum() - 1) < 1e-9


def mixtures(text: str, pools, _folder) -> None:
    found = refused(parse_mixture, text, pools)
    if found is not None:
        assert abs(found.vector(pools).sum() - 1) < 1e-9
        assert refused(parse_mixture, found.key, pools) == found
    for mixture in refused(parse_candidates, text, pools) or ():
        assert abs(mixture.vector(pools).sum() - 1) < 1e-9


def of_file(name: str, read, check):
    def reader(text: str, pools, folder) -> None:
        path = folder / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        found = refused(read, path, pools)
        if found is not None:
            check(found)

    return reader


def sound_designs(found) -> None:
    assert all(map(LIMITS["samples"].holds, found.samples))
    assert all(map(LIMITS["seeds"].holds, found.seeds))
    assert np.all(np.isfinite(found.cost))
    assert np.all(found.cost > 0)


def sound_actions(found) -> None:
    for action in found:
        assert LIMITS["cost"].holds(action.cost)
        assert abs(action.data.shares().sum() - 1) < 1e-9


def sound_spec(found) -> None:
    for kind in ("loss", "error", "accuracy"):
        for prior in found.priors(kind).values():
            assert all(map(LIMITS["prior"].holds, prior.numbers))
    assert json.loads(found.to_json()) == found.source


designs = of_file("designs.csv", read_designs, sound_designs)
actions = of_file(
    "actions.csv", lambda path, pools: read_actions(path, pools, data_now("A+B", pools)),
    sound_actions,
)  # fmt: skip
specs = of_file("spec.toml", lambda path, _pools: load_spec(path), sound_spec)


def sound_pools(found) -> None:
    assert all(LIMITS["size"].holds(size) or size == np.inf for size in found.sizes)
    assert len(set(found.names)) == len(found.names) > 0


def sound_runs(found) -> None:
    assert all(map(LIMITS["samples"].holds, found.table["samples"]))
    for row in found.table.itertuples():
        assert np.isfinite(row.value)
        assert row.metric != "error" or 0 <= row.value <= 1
    assert found.replace(found.table).sha256 == found.sha256


def runs(text: str, pools, folder) -> None:
    path = folder / "runs.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = refused(read_runs, path, pools)
    if found is None:
        return
    sound_runs(found)
    if not set("\"';\t\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029") & set(text):  # a plain reading does
        lines = [line.split(",") for line in text.removeprefix("\ufeff").split("\n")]
        for row in found.table.itertuples():
            plain = dict(zip(lines[0], lines[row.line - 1], strict=False))
            for name in ("samples", "value"):
                if NUMBER.fullmatch(plain.get(name, "")):
                    assert getattr(row, name) == float(plain[name])


def imports(text: str, _pools, folder) -> None:
    kind = "txt" if "[batch=" in text else "json" if text[:1] in ("[", "{") else "csv"
    path = folder / f"x.{kind}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = refused(lambda: import_runs(path, per_step=10))
    assert found is None or {"run", "data", "samples", "metric", "value"} <= set(found.table)


def finished(text: str, _pools, folder) -> None:
    (folder / "jobs.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = refused(Finished, folder / "jobs.jsonl")
    if found is not None:
        for key in found.answers:
            found.get(key)  # the answer, or that there is none
        assert (folder / "jobs.jsonl").read_bytes().endswith(b"\n")


pool_tables = of_file("pools.csv", lambda path, _pools: read_pools(path), sound_pools)
answers = of_file("answers.toml", lambda path, _pools: read_answers(path), lambda found: None)

FILES = {
    "designs": (designs, DESIGNS), "actions": (actions, ACTIONS), "specs": (specs, SPEC),
    "pools": (pool_tables, POOLS), "runs": (runs, RUNS), "wide": (imports, WIDE),
    "trainer": (imports, TRAINER), "evaluations": (imports, EVALUATIONS),
    "results": (imports, RESULTS), "log": (imports, LOG), "chart": (imports, CHART),
    "shares": (imports, SHARES), "rows": (imports, ROWS),
    "finished": (finished, JOBS), "answers": (answers, 'schedule = "cosine"\ntuned = "yes"\n'),
}  # fmt: skip
TEXTS = {
    "budgets": (budgets, st.lists(numbers, max_size=5).map(",".join)),
    "amounts": (amounts, numbers),
    "mixtures": (mixtures, st.lists(names | numbers, max_size=5).map("+".join)
                 | st.lists(st.tuples(names, numbers).map(":".join), max_size=4).map("+".join)
                 | st.text("AB C:+.;0123456789e-", max_size=25)),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
def test_texts(kind: str, pools, tmp_path: Path) -> None:
    read, texts = TEXTS[kind]

    @FAST
    @given(texts)
    @example("1e1000000")
    @example("1" * 20_000 + "x")
    def try_text(text: str) -> None:
        read(text, pools, tmp_path)

    try_text()


@pytest.mark.parametrize("kind", FILES)
def test_files_with_mistakes(kind: str, pools, tmp_path: Path) -> None:
    read, good = FILES[kind]
    for seed in range(200):
        read(mutated(good, seed), pools, tmp_path)


@pytest.mark.parametrize("kind", FILES)
def test_cells_of_any_content(kind: str, pools, tmp_path: Path) -> None:
    read, good = FILES[kind]

    @FAST
    @given(st.lists(st.lists(names | numbers, min_size=5, max_size=5), max_size=3))
    def try_rows(rows: list[list[str]]) -> None:
        head = good.split("\n")[0]
        width = head.count(",") + 1
        read("\n".join([head, *(",".join(row[:width]) for row in rows)]), pools, tmp_path)

    try_rows()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of inputs, by Hypothesis
@pytest.mark.parametrize("kind", [*FILES, *TEXTS])
def test_a_hundred_thousand(kind: str, pools, tmp_path: Path) -> None:
    read, source = (FILES | TEXTS)[kind]
    if kind in FILES:
        for seed in range(1_000, 1_000 + MANY):
            read(mutated(source, seed), pools, tmp_path)
        return

    @settings(FAST, max_examples=MANY)
    @given(source)
    def try_text(text: str) -> None:
        read(text, pools, tmp_path)

    try_text()


@pytest.mark.parametrize("path", sorted(p for p in CORPUS.glob("*/*") if p.is_file()),
                         ids=lambda p: f"{p.parent.name}/{p.name}")  # fmt: skip
def test_corpus(path: Path, pools, tmp_path: Path) -> None:
    """Files that once ended in a traceback, hung, or were accepted: refused with a message."""
    read = {
        "specs": load_spec, "answers": read_answers, "pools": read_pools,
        "designs": lambda p: read_designs(p, pools), "runs": lambda p: read_runs(p, pools),
        "actions": lambda p: read_actions(p, pools, data_now("A+B", pools)),
        "imports": lambda p: read_runs(import_runs(p, per_step=10).table, pools),
    }[path.parent.name]  # fmt: skip
    with pytest.raises(QQTError) as refusal:
        read(path)
    assert " " in str(refusal.value)
    assert len(str(refusal.value)) <= MESSAGE


@pytest.mark.parametrize("answer", [
    {"table": [["x", "int64", [1, 10**200]]], "rows": 2}, {"array": ["<i8", [1], [10**200]]},
    {"array": ["<f8", [10**200], [1.0]]}, {"table": [], "rows": 10**200}, {"array": ["?!", [], []]},
    {"table": [["x"]], "rows": 1}, {"dict": [[{"dict": []}, 1]]}, {"float": "much"},
], ids=range(8))  # fmt: skip
def test_an_answer_edited_by_hand_is_none(answer, tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text(
        "".join(json.dumps(line) + "\n" for line in (HEAD, {"job": "a", "answer": answer}))
    )
    assert Finished(path).get("a") is NO_ANSWER


def test_a_message_quotes_what_is_long_in_part() -> None:
    name = "web:0.25+" * 40 + "code"  # a long name is no fault: it is shown whole
    assert name in str(UsageError(f"no pool '{name}' -> choose from A, B"))
    for wild in ("1" * 10**6, "a b " * 10**5, "a\n" * 10**5):
        told = str(UsageError(f"'{wild}' is not a number -> write digits"))
        assert len(told) <= MESSAGE
        assert told.startswith(f"'{wild[:100]}")
        assert " ... " in told
        assert told.endswith("is not a number -> write digits")


def test_a_base_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text('schema = 1\nname = "a"\nbase = "b.toml"\n')
    (tmp_path / "b.toml").write_text('schema = 1\nname = "b"\nbase = "./a.toml"\n')
    with pytest.raises(UsageError, match="is a base of itself"):
        load_spec("a.toml")


# --- plain data of finished jobs ----------------------------------------------------------------

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    | st.lists(inner, max_size=3).map(tuple),
    max_leaves=20,
)  # fmt: skip


@FAST
@given(plain)
def test_answers_come_back_as_they_were(value) -> None:
    again = unpacked(json.loads(json.dumps(packed(value), allow_nan=False)))
    assert type(again) is type(value)
    assert repr(again) == repr(value)
