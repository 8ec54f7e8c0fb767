"""Doctor and import, called as commands."""

import json

from qqt_bayes.errors import UsageError


def test_doctor(qqt) -> None:
    said = qqt("doctor")
    assert said.code == 0
    for word in ("python", "pymc", "BLAS", "effective_utility", "works: 27 bundled runs"):
        assert word in said.out


def test_doctor_tells_a_fit_that_fails(qqt, monkeypatch) -> None:
    def fail(*_args, **_options):
        raise UsageError("out of order")

    monkeypatch.setattr("qqt_bayes.fitting.fit", fail)
    assert "failed: out of order" in qqt("doctor").out


def test_import_wide_then_check(qqt, tmp_path) -> None:
    wide, out = tmp_path / "wide.csv", tmp_path / "runs.csv"
    wide.write_text("run,data,samples,loss\nr1,A,1000,2.5\nr2,A,2000,2.4\n")
    (tmp_path / "pools.csv").write_text("pool,size\nA,1000\n")
    said = qqt("import", "wide", wide, "-o", out)
    assert said.code == 0
    assert "2 runs, 2 rows (loss)" in said.out
    assert qqt("check", out).code == 0


def test_import_datacomp(qqt, tmp_path) -> None:
    (tmp_path / "A").mkdir()
    line = {"key": "imagenet1k", "dataset": "ImageNet", "metrics": {"acc1": 0.3}}
    (tmp_path / "A" / "eval_results.jsonl").write_text(json.dumps(line))
    out = tmp_path / "runs.csv"
    said = qqt("import", "datacomp", tmp_path, "-o", out)
    assert said.code == 0
    assert "the files do not tell samples: say it by --samples, or fill it in" in said.err
    assert out.read_text().splitlines()[1].startswith("A,A,,imagenet1k_accuracy,0.3")
    assert qqt("import", "datacomp", tmp_path / "x", "-o", out).code == 2


def test_help_of_imports_shows_an_example(qqt) -> None:
    assert "Example: qqt import " in " ".join(qqt("import", "--help").out.split())
