"""Every command and every line of Python that the documents show works as printed."""

import re
import shlex
import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import typer
from documents import DOCS, PAGES, ROOT, anchors, blocks, commands, spans

import qqt_bayes as qqt
from qqt_bayes import fitting
from qqt_bayes.cli import app, main

TEXT = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
# What a page takes for granted: names that its Python starts from.
GIVEN = {
    "docs/reference/files.md": "import pandas as pd\nimport qqt_bayes as qqt\n"
    "wide = pd.DataFrame({'run': ['a'], 'data': ['A'], 'samples': [1e5], 'loss': [2.5]})\n",
    "docs/how_to/several_laws.md": "import qqt_bayes as qqt\nruns = qqt.read_runs('runs.csv')\n",
    "docs/how_to/arviz.md": "import qqt_bayes as qqt\n"
    "runs = qqt.read_runs('runs.csv')\nfit = qqt.fit(runs, 'loss', upto='500k')\n",
    "docs/how_to/extend_in_pymc.md": "import qqt_bayes as qqt\n"
    "runs = qqt.read_runs('runs.csv')\nfit = qqt.fit(runs, 'loss', upto='130k')\n",
    "docs/reference/report_files.md": "import qqt_bayes as qqt\n"
    "fit = qqt.fit(qqt.read_runs('runs.csv'), 'loss', upto='500k')\n",
}
# Tables that a page shows in full before it uses them: which of its blocks of text.
SHOWN = {
    "docs/how_to/act.md": {"actions.csv": 0},
    "docs/how_to/import.md": {
        "table.csv": 0, "chart.csv": 1, "results_1.json": 2, "shares.csv": 3, "losses.csv": 4,
        "de.csv": 5,
    },
    "docs/how_to/metrics.md": {"mixed.runs.csv": 0, "mixed.pools.csv": 1},
}  # fmt: skip
# Pages about a table that ships, in place of the small study.
DATA = {"README.md": "web", "docs/tutorial.md": "web"}
# Tested beside what they describe: they need a cluster, a law, a law of model size.
ELSEWHERE = {f"docs/how_to/{name}.md" for name in ("many_refits", "own_law", "model_size")} | {
    "docs/evidence/paper.md"
}
# The fits of the gallery are of all bundled runs, a stack fits at every origin.
# Reports of everything take a quarter of a minute each.
LONG = {
    f"docs/{p}.md"
    for p in (
        "reference/gallery", "reference/report_files", "how_to/several_laws",
        "how_to/extend_in_pymc", "how_to/report", "how_to/change_a_prior", "how_to/constraints",
    )
}  # fmt: skip
# The bundled runs are of one model: on these pages their seeds stand for models of three sizes.
SEVERAL_MODELS = {"docs/how_to/several_sizes.md"}
# Of runs of two sizes and two weight decays, those of one size.
SETTINGS = {"docs/how_to/settings.md": ("decay", 15144)}
MODELS = {0: ("small", "3M", 1.0), 1: ("medium", "10M", 0.97), 2: ("large", "30M", 0.94)}
WITH_COMMANDS = [page for page in TEXT if blocks(TEXT[page], "console")]
WITH_PYTHON = [page for page in TEXT if blocks(TEXT[page], "python") and page not in ELSEWHERE]


@pytest.fixture(scope="module")
def sampled():
    """Posteriors by what was asked: each is sampled once, with fewer draws."""
    return {}


@pytest.fixture
def study(small_tables: Path, monkeypatch: pytest.MonkeyPatch, sampled: dict) -> Path:
    """A folder with runs.csv and pools.csv, in which the same fit is sampled once only."""
    sample = fitting.sample_posterior

    def short(design, priors, kind, seed, settings, *rest):
        key = (design.value.tobytes(), design.setting.law, kind, seed, settings)
        if key not in sampled:
            sampled[key] = sample(design, priors, kind, seed, qqt.Settings(draws=1600), *rest)
        return sampled[key]

    monkeypatch.setattr(fitting, "sample_posterior", short)
    monkeypatch.chdir(small_tables)
    return small_tables


def tables_of(page: str, folder: Path) -> None:
    """Write the tables that a page shows, or takes for granted beyond those of the small study."""
    if page in DATA:
        for name in ("runs.csv", "pools.csv"):
            shutil.copy(ROOT / "qqt_bayes" / "datasets" / DATA[page] / name, folder)
    if page in SETTINGS:
        source, params = SETTINGS[page]
        rows = pd.read_csv(ROOT / "qqt_bayes" / "datasets" / source / "runs.csv")
        rows = rows[rows["params"] == params].drop(columns="params")
        rows.to_csv(folder / "runs.csv", index=False)
        shutil.copy(ROOT / "qqt_bayes" / "datasets" / source / "pools.csv", folder)
    for name, block in SHOWN.get(page, {}).items():
        (folder / name).write_text(blocks(TEXT[page], "text")[block], encoding="utf-8")
    if page in SEVERAL_MODELS:
        rows = pd.read_csv(folder / "runs.csv")
        rows = rows[rows["metric"] == "loss"].copy()
        rows["model"], rows["params"], factor = zip(*(MODELS[s] for s in rows["seed"]), strict=True)
        rows["value"] *= np.array(factor)
        rows.drop(columns="seed").to_csv(folder / "runs.csv", index=False)


def run(lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Type commands one after the other; those of make need only exist."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for line in lines:
        program, *words = shlex.split(line)
        if program == "make":
            assert not words or words[0] in targets
            continue
        assert program == "qqt", line
        with pytest.raises(SystemExit) as stop:
            main(words)
        said = capsys.readouterr()
        assert stop.value.code == 0, f"{line}\n{said.err}"


def test_there_are_pages() -> None:
    assert {"README.md", "docs/tutorial.md", "docs/how_to/bet.md"} <= set(WITH_COMMANDS)
    assert all(len(commands(TEXT[page])) >= 1 for page in WITH_COMMANDS)
    assert set(GIVEN) <= set(WITH_PYTHON)


def quick_first(pages: list[str]) -> list:
    """The pages as parameters of a test, the long ones marked."""
    return [pytest.param(p, marks=pytest.mark.slow) if p in LONG else p for p in pages]


@pytest.mark.parametrize("page", quick_first(WITH_COMMANDS))
def test_commands(study: Path, capsys: pytest.CaptureFixture[str], page: str) -> None:
    tables_of(page, study)
    run(commands(TEXT[page], slow=False), capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in WITH_COMMANDS if commands(TEXT[p]) != commands(TEXT[p], slow=False)]
)
def test_long_commands(study: Path, capsys: pytest.CaptureFixture[str], page: str) -> None:
    run(commands(TEXT[page]), capsys)


# ArviZ says that one run of the small study is influential.
@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
@pytest.mark.parametrize("page", quick_first(WITH_PYTHON))
def test_python(study: Path, page: str) -> None:
    tables_of(page, study)
    namespace: dict = {}
    for block in [GIVEN.get(page, ""), *blocks(TEXT[page], "python")]:  # as one would type them
        with matplotlib.rc_context():
            exec(compile(block, page, "exec"), namespace)


@pytest.mark.parametrize("page", TEXT)
def test_commands_in_sentences_exist(page: str) -> None:
    """Commands too long to run here, or only named: the verb and every option exist."""
    group = typer.main.get_command(app)
    for line in spans(TEXT[page]):
        words = [word for word in shlex.split(line.replace("...", "")) if word][1:]
        command = group
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            name = words.pop(0)
            if name.isupper() or "|" in name:  # `qqt COMMAND --help`
                break
            assert name in command.commands, line
            command = command.commands[name]
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
        assert {w for w in words if w.startswith("-")} <= known, line


@pytest.mark.parametrize("page", TEXT)
def test_links(page: str) -> None:
    """Files that are linked exist, and so do the places in them."""
    base = (ROOT / page).parent
    prose = re.sub(r"^```.*?^```", "", TEXT[page], flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!http)([^)\s]+)", prose):
        path, _, place = target.partition("#")
        file = (base / path).resolve() if path else ROOT / page
        assert file.exists(), target
        if place:
            assert place in anchors(file.read_text(encoding="utf-8")), target
    for target in re.findall(r"`(notebooks/[\w.]+|docs/[\w./]+)`", TEXT[page]):
        assert (ROOT / target).exists(), target


def test_every_picture_of_the_gallery_is_drawn_by_its_block() -> None:
    text = TEXT["docs/reference/gallery.md"]
    shown = re.findall(
        r"^!\[[^\]]+\]\((?:\.\./)?(_static/\w+\.png)\)\n\n```python\n", text, re.MULTILINE
    )
    assert len(shown) >= 10
    assert len(shown) == text.count("![")
    assert all((DOCS / name).is_file() for name in shown)
    everything = "".join(TEXT.values())
    for path in (DOCS / "_static").glob("*.png"):
        assert f"_static/{path.name})" in everything, f"{path.name} is shown nowhere"
    for block in blocks(text, "python")[1:]:
        assert "figure = " in block


def test_exit_codes_are_those_of_the_program() -> None:
    from qqt_bayes.cli import main as module

    said = TEXT["docs/reference/command_line.md"]
    for code in (0, 1, 2, 3, 70, 130, 141):
        assert f"| {code} |" in said
    source = Path(module.__code__.co_filename).read_text(encoding="utf-8")
    assert "BAD_INPUT, NOT_CONVERGED, FAULT, STOPPED, UNREAD = 2, 3, 70, 130, 141" in source


def test_the_given_names_are_of_the_package() -> None:
    """The gallery and the how-tos use public names only."""
    for page in WITH_PYTHON:
        for name in re.findall(r"\bqqt\.([A-Za-z_]+)", "".join(blocks(TEXT[page], "python"))):
            assert hasattr(qqt, name), f"{page}: qqt.{name}"
