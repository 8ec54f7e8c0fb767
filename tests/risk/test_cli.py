import json
from pathlib import Path

import pytest

from qqt_bayes.cli.main import main


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["risk", *argv])
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def saved(tiny_fit, tmp_path_factory) -> str:
    return str(tiny_fit.save(tmp_path_factory.mktemp("risk") / "fit.nc"))


def test_fail_exits_with_1(saved: str, capsys: pytest.CaptureFixture) -> None:
    assert run(saved, "--budgets", "20M", "--quick", "--json") == 1
    out = json.loads(capsys.readouterr().out)
    assert out["verdict"] == "FAIL"
    assert out["quick"] is True


def test_no_fail_exits_with_0(saved: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    picture = tmp_path / "ledger.png"
    assert run(saved, "--budgets", "480k", "--quick", "--plot", str(picture)) == 0
    assert picture.stat().st_size > 5000
    assert "At 480k samples, inside your runs" in capsys.readouterr().out


def test_bad_arguments_exit_with_2(saved: str, capsys: pytest.CaptureFixture) -> None:
    assert run(saved, "--budgets", "-1", "--quick") == 2
    assert run(saved, "--budgets", "1M", "--plot", "ledger.txt") == 2
    assert ".png" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture) -> None:
    assert run("--help") == 0
    assert "qqt risk runs.csv" in " ".join(capsys.readouterr().out.split())
