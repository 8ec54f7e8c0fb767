"""Saved fits: the same answer after a reload, and no half-written or misread file."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import qqt_bayes as qqt
from qqt_bayes import store


@pytest.fixture(scope="module")
def saved(small_fit, tmp_path_factory):
    return small_fit.save(tmp_path_factory.mktemp("saved") / "fit.nc")


def edit(path, target, **attributes):
    """Copy a saved fit with some attributes changed (None: removed; a hash made anew)."""
    with xr.open_dataset(path, engine="h5netcdf") as data:
        data = data.load()
    for name, value in attributes.items():
        data.attrs.pop(name)
        if value is not None:
            data.attrs[name] = value
    if attributes.get("hash") is not None:
        arrays = {str(name): data[name].values for name in data}
        data.attrs["hash"] = store.fingerprint(arrays, data.attrs)
    data.to_netcdf(target, engine="h5netcdf")
    return target


def test_a_reloaded_fit_decides_identically(small_fit, saved) -> None:
    again = qqt.load_fit(saved)
    before = small_fit.decide("240k,960k", "A;A+B;A:0.7+B:0.3")
    after = again.decide("240k,960k", "A;A+B;A:0.7+B:0.3")
    assert json.dumps(before.to_json()) == json.dumps(after.to_json())
    assert np.array_equal(before.latent, after.latent)
    assert again.text == small_fit.text
    pd.testing.assert_frame_equal(again.table, small_fit.table)
    pd.testing.assert_frame_equal(again.priors, small_fit.priors)
    assert again.runs.sha256 == small_fit.runs.sha256
    assert (again.seed, again.settings, again.selection, again.spec) == (
        small_fit.seed, small_fit.settings, small_fit.selection, small_fit.spec,
    )  # fmt: skip


def test_what_was_selected_is_kept(small_runs, tmp_path) -> None:
    """Kind, unit and source travel too; accuracy comes back as accuracy."""
    rows = small_runs.select("error").table.drop(columns="line")
    rows = rows.assign(metric="score", value=1 - rows["value"])
    runs = qqt.read_runs(rows, small_runs.pools, kinds={"score": "accuracy"})
    fit = qqt.fit(
        runs, "score", where={"seed": "0"}, upto="120k",
        settings=qqt.Settings(draws=1600),
    )  # fmt: skip
    again = qqt.load_fit(fit.save(tmp_path / "score.nc"))
    assert (again.study.kind, again.study.direction) == ("accuracy", "max")
    assert again.selection == {"where": {"seed": "0"}, "upto": "120k"}
    assert again.runs.source == "<DataFrame>"
    assert again.study.trained_on == fit.study.trained_on


@pytest.mark.filterwarnings("ignore:the fit did not pass:UserWarning")
def test_a_reloaded_fit_can_be_refitted(saved) -> None:
    again = qqt.load_fit(saved)
    new = pd.DataFrame(
        {"run": ["new"], "data": ["A+B"], "samples": ["960k"], "metric": ["loss"], "value": [2.006]}
    )
    more = again.update(new, on_fail="warn")
    assert more.study.trained_on == {"runs": 76, "rows": 76, "max_samples": 960e3}
    assert more.seed == again.seed
    before, after = (f.decide("960k", "A+B", on_fail="warn").table.iloc[0] for f in (again, more))
    assert after["hi"] - after["lo"] < 0.5 * (before["hi"] - before["lo"])
    assert after["lo"] < 2.006 < after["hi"]


def test_another_version_warns_and_loads(small_fit, saved, tmp_path) -> None:
    with xr.open_dataset(saved, engine="h5netcdf") as data:
        about = json.loads(data.attrs["about"])
    about["versions"]["qqt_bayes"] = "0.0.9"
    about["settings"]["from_the_future"] = True
    old = edit(saved, tmp_path / "old.nc", about=json.dumps(about), hash="anew")
    words = rf"old.nc was written by qqt_bayes 0.0.9 \(schema {store.SCHEMA}\)"
    with pytest.warns(UserWarning, match=words):
        again = qqt.load_fit(old)
    assert again.settings == small_fit.settings
    assert same_draws(again, small_fit)


def same_draws(one, other) -> bool:
    """Whether two fits have the same draws."""
    pairs = zip(one.posterior.parameters, other.posterior.parameters, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_newer_schema_is_refused_by_version(saved, tmp_path) -> None:
    new = edit(saved, tmp_path / "new.nc", qqt_schema=99)
    with pytest.raises(qqt.UsageError, match=r"newer version \(schema 99, .* -> upgrade"):
        qqt.load_fit(new)


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_earlier_schemas_are_fitted_again(small_fit, saved, tmp_path, schema: int) -> None:
    """Of another sampler, or of a value that is set aside now; the runs in them are enough."""
    old = edit(saved, tmp_path / "old.nc", qqt_schema=schema, hash=None)
    with pytest.warns(
        UserWarning, match=rf"old.nc was written by .* \(schema {schema}\).* fitted again"
    ):
        again = qqt.load_fit(old)
    mine, theirs = (f.decide("960k", "A;A+B;A+B+C", on_fail="warn") for f in (small_fit, again))
    np.testing.assert_allclose(mine.p_best, theirs.p_best, atol=0.12)  # 400 draws against 2,000
    assert again.selection == small_fit.selection
    if schema == 3:  # of the same sampler: the very same fit
        assert again.settings == small_fit.settings
        assert same_draws(again, small_fit)


def changed_runs(text: str) -> str:
    """The runs of two pools exchanged."""
    return text.replace(",A,", ",?,").replace(",B,", ",A,").replace(",?,", ",B,")


@pytest.mark.parametrize("what", ["runs_csv", "pools_csv", "spec", "about", "source"])
def test_what_was_edited_is_refused(saved, tmp_path, what: str) -> None:
    with xr.open_dataset(saved, engine="h5netcdf") as data:
        text = str(data.attrs[what])
    other = changed_runs(text) if what == "runs_csv" else text + " "
    assert other != text
    with pytest.raises(qqt.UsageError, match=r"is not what was saved: .* -> fit again"):
        qqt.load_fit(edit(saved, tmp_path / "x.nc", **{what: other}))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 0.123])
@pytest.mark.parametrize("name", ["irreducible", "scale_pool_drift", "harm"])
def test_a_number_among_the_draws_that_was_changed_is_refused(
    saved, tmp_path, name: str, value: float
) -> None:
    with xr.open_dataset(saved, engine="h5netcdf") as data:
        loaded = data.load()
    loaded[name].values.flat[7] = value
    loaded.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with pytest.raises(qqt.UsageError, match="is not what was saved"):
        qqt.load_fit(tmp_path / "x.nc")


def damaged(whole: bytes, seed: int) -> bytes:
    """A file with some bytes flipped, cut out, or cut off."""
    rng, out = np.random.default_rng(seed), bytearray(whole)
    first, second = sorted(rng.integers(0, len(whole), 2))
    if seed % 4 == 3:
        return bytes(out[:first] if seed % 8 == 3 else out[:first] + out[second:])
    # every other file near its beginning, where the format's own words are
    for at in rng.integers(0, len(whole) if seed % 2 else 4096, 3):
        out[at] ^= int(rng.integers(1, 256))
    return bytes(out)


def no_other_answer(fit, whole: bytes, path, seeds: range) -> None:
    """Either refused, or damaged in bytes that hold nothing."""
    for seed in seeds:
        path.write_bytes(damaged(whole, seed))
        try:
            again = qqt.load_fit(path)
        except qqt.UsageError:
            continue
        assert same_draws(again, fit)


def test_damaged_files_give_no_other_answer(small_fit, saved, tmp_path) -> None:
    no_other_answer(small_fit, saved.read_bytes(), tmp_path / "x.nc", range(20))


@pytest.mark.slow
def test_two_thousand_damaged_files(small_fit, saved, tmp_path) -> None:
    no_other_answer(small_fit, saved.read_bytes(), tmp_path / "x.nc", range(1000, 3000))


@pytest.mark.parametrize(
    "content", [b"", b"run,data\n", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x80\x04K\x01."]
)
def test_a_foreign_file_is_told_so(tmp_path, content: bytes) -> None:
    (tmp_path / "x.nc").write_bytes(content)
    with pytest.raises(qqt.UsageError, match=r"x.nc is not a fit saved by qqt_bayes"):
        qqt.load_fit(tmp_path / "x.nc")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_told_so(saved, tmp_path, share: float) -> None:
    whole = saved.read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(qqt.UsageError, match="or not all of it is there"):
        qqt.load_fit(tmp_path / "cut.nc")


@pytest.mark.parametrize("missing", ["about", "spec", "runs_csv", "pools_csv", "qqt_schema"])
def test_a_netcdf_of_something_else_is_told_so(saved, tmp_path, missing: str) -> None:
    with pytest.raises(qqt.UsageError, match=r"make one with `qqt fit RUNS.csv -o x.nc`"):
        qqt.load_fit(edit(saved, tmp_path / "x.nc", **{missing: None}))


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(qqt.UsageError, match=r"no such file: .*fit.nc -> make one with"):
        qqt.load_fit(tmp_path / "fit.nc")


def test_a_missing_folder(small_fit, tmp_path) -> None:
    with pytest.raises(qqt.UsageError, match=r"no such folder: .*nowhere -> make it first"):
        small_fit.save(tmp_path / "nowhere" / "fit.nc")
    (tmp_path / "file").touch()
    with pytest.raises(qqt.UsageError, match="no such folder"):
        small_fit.save(tmp_path / "file" / "fit.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_not_overwritten(small_fit, tmp_path) -> None:
    (tmp_path / "fit.nc").mkdir()
    with pytest.raises(qqt.UsageError, match="cannot write"):
        small_fit.save(tmp_path / "fit.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_saving_replaces(small_fit, tmp_path) -> None:
    target = tmp_path / "fit.nc"
    target.write_bytes(b"the old one")
    assert small_fit.save(target) == target
    assert same_draws(qqt.load_fit(str(target)), small_fit)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_what_a_killed_process_left_goes_with_the_next_save(small_fit, tmp_path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    (tmp_path / f".fit.nc.{ended}.part").write_bytes(b"half a fi")
    small_fit.save(tmp_path / "fit.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_no_pickle(saved, monkeypatch) -> None:
    """Loading executes nothing: plain netCDF, read with unpickling disabled."""

    def refuse(*_args, **_options):
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert qqt.load_fit(saved).converged
    with xr.open_dataset(saved, engine="h5netcdf") as data:
        assert all(v.dtype.kind == "f" for v in data.variables.values())
        assert set(data.attrs) == {
            "about", "hash", "pools_csv", "qqt_schema", "runs_csv", "source", "spec",
        }  # fmt: skip
        about = json.loads(data.attrs["about"])
    assert set(about["versions"]) == set(store.PACKAGES)
