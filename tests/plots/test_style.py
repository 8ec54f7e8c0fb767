"""Colours, columns of legends, cuts at the largest run."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from qqt_bayes.plots.paper import (
    COLOURS,
    MARKERS,
    columns,
    families,
    look,
    new_figure,
    plain,
    shorts,
    style,
    text_width,
)
from qqt_bayes.plots.view import split

# Machado, Oliveira and Fernandes (2009), complete loss of one cone, in linear light.
LOSS = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("kind", LOSS)
def test_colours_are_told_apart(kind) -> None:
    seen = [np.clip(np.array(LOSS[kind]) @ np.power(to_rgb(c), 2.2), 0, 1) for c in COLOURS]
    seen = [np.power(c, 1 / 2.2) for c in seen]
    for one, other in combinations(seen, 2):
        assert np.abs(one - other).max() > 0.07


def test_each_colour_has_its_own_marker() -> None:
    assert len(COLOURS) == len(set(COLOURS)) == 5
    pairs = {(look(i).colour, look(i).marker) for i in range(20)}
    assert len(pairs) == 20  # what has a colour again has another marker
    assert len(MARKERS) == len(set(MARKERS))


@pytest.mark.skipif(len(families()) == 1, reason="no font with Japanese letters")
def test_japanese_names_are_letters(recwarn) -> None:
    with style():
        figure = new_figure(2.0, 1.0)
        figure.add_subplot().set_title("日本語のウェブ")
        figure.draw_without_rendering()
    assert not [w for w in recwarn if "missing from" in str(w.message)]


def test_only_installed_fonts_are_asked_for(recwarn) -> None:
    with style():
        assert mpl.rcParams["font.family"] == families()
        text_width("plain")
    assert families()[0] == "DejaVu Sans"
    assert not [w for w in recwarn if "not found" in str(w.message)]


def test_style_is_local() -> None:
    before = mpl.rcParams["font.size"]
    with style():
        assert mpl.rcParams["font.size"] == 7.5
    assert mpl.rcParams["font.size"] == before


def test_columns_of_a_legend() -> None:
    assert columns(["A", "A+B", "A+B+C"], 3.2) == 3
    assert columns(["a rather long name of a mixture"] * 3, 3.2) == 1
    assert columns(["A"], 0.1) == 1
    assert columns(["A+B+C+D"] * 6, 3.2) in (2, 3)


def test_text_width_and_plain_text() -> None:
    assert text_width("wide" * 4) == pytest.approx(4 * text_width("wide"), rel=0.1)
    assert plain("a$b") == r"a\$b"


def test_shortened_names_stay_apart() -> None:
    long = [f"common_crawl_filtered_{k}_by_several_heuristics_and_cleaned" for k in "ABC"]
    names = [*long, f"{long[0]}+{long[1]}", f"{long[0]}+{long[2]}", "+".join(long), "web"]
    told = shorts(names)
    assert len(set(told)) == len(names)
    assert max(map(len, told)) <= 24
    assert told[-1] == "web"
    assert shorts(["a_rather_long_name_of_a_pool+b"]) == ["a_rath…pool+b"]  # every pool is seen


def test_split() -> None:
    n = np.array([1.0, 10.0, 100.0])
    y = np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]])
    (x, inside), (x2, beyond) = split(n, y, np.sqrt(1000.0))
    assert np.allclose(x, [1, 10, np.sqrt(1000)])
    assert np.allclose(inside[0], [0, 1, 1.5])
    assert np.allclose(x2, [np.sqrt(1000), 100])
    assert np.allclose(beyond, [[1.5, 2], [5, 5]])
    (x, _), (x2, _) = split(n, y, 100.0)
    assert (len(x), len(x2)) == (3, 0)
    (x, _), (x2, _) = split(n, y, 1.0)
    assert (len(x), len(x2)) == (0, 3)
    (x, _), (x2, _) = split(n, y, 10.0)
    assert (list(x), list(x2)) == ([1, 10], [10, 100])


def test_letters_that_no_font_has_are_told_once_and_plainly(tmp_path) -> None:
    with style():
        figure = new_figure(2.0, 1.0)
        figure.add_subplot().set_title("\U00012000 \U00012001")  # cuneiform
    with pytest.warns(UserWarning, match="drawn as boxes -> install one") as told:
        figure.savefig(tmp_path / "boxes.png")
    assert len(told) == 1
