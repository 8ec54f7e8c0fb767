"""The page: well-formed, everything escaped, nothing loaded from elsewhere."""

import re
from html.parser import HTMLParser

import pytest

VOID = {"meta", "link", "img", "source", "br", "wbr", "input"}
SECTIONS = (
    "answer", "explore", "bands", "candidates", "crossovers", "trust", "pools", "model", "priors",
    "diagnostics", "checklists", "methods", "reproduce",
)  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains of tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.data = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


@pytest.fixture(scope="module", params=["evil", "made"])
def page(request) -> Page:
    folder = request.getfixturevalue(request.param)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_has_every_section_and_links_lead_to_them(page: Page) -> None:
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert [i for i in ids if i in SECTIONS] == list(SECTIONS)
    inner = [a["href"][1:] for t, a in page.tags if t == "a" and a["href"].startswith("#")]
    assert inner
    assert set(inner) <= set(ids)
    assert len(ids) == len(set(ids))


def test_loads_nothing_from_elsewhere(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in ("iframe", "object", "embed", "form", "base")
        assert tag != "script" or "src" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "srcset"):
            assert attrs.get(name, "data:").startswith("data:")
        if tag == "link":
            assert attrs["href"] == "data:,"
        if tag == "a":
            assert attrs["href"].startswith(("#", "https://"))
    style = "".join(page.data)
    assert "url(" not in style
    assert "import(" not in style
    assert "@import" not in style
    policy = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert policy
    assert "default-src 'none'" in policy[0]


def test_pictures_say_what_they_show(page: Page) -> None:
    images = [a for t, a in page.tags if t == "img"]
    assert len(images) == 3
    assert all(len(a["alt"]) > 80 for a in images)


def test_evil_names_are_text(evil) -> None:
    text = (evil / "report.html").read_text(encoding="utf-8")
    assert text.count("<script") == 2  # the explorer and its data
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "<i>yes</i>" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;img src=x" in text
    assert "qqt report &lt;b&gt;.nc" in text


def test_says_answer_probability_data_seed_and_versions(made, small_fit) -> None:
    import qqt_bayes

    text = (made / "report.html").read_text(encoding="utf-8")
    assert re.search(r"Of 3 candidates, .* \(P", text)
    assert "extrapolated 4.0x beyond the largest run" in text
    study = small_fit.study
    assert f"· {study.trained_on['runs']} runs · {len(study.pools)} pools" in text
    assert small_fit.runs.sha256 in text
    assert f"qqt_bayes {qqt_bayes.__version__}" in text
    assert "80% equal-tailed" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_unconverged_fit_is_stamped(evil_fit, monkeypatch) -> None:
    import dataclasses

    from qqt_bayes.inference.gate import GateReport
    from qqt_bayes.report.checklists import make_checklists
    from qqt_bayes.report.content import Content
    from qqt_bayes.report.figures import Picture
    from qqt_bayes.report.page import render
    from qqt_bayes.report.tables import make_tables

    answer = evil_fit.decide("480k", "A;A+B", on_fail="warn")
    failed = GateReport((), ("few[0]: R-hat 1.2",), {"r_hat": 1.2, "ess": 9.0})
    content = Content(
        evil_fit, dataclasses.replace(answer, gate=failed), None, None, "qqt report x.nc",
        {"qqt_bayes": "0"}, {},
    )  # fmt: skip
    tables = make_tables(content)
    assert all("NOT CONVERGED" in t.caption for t in tables if t.name != "priors")

    pictures = [Picture(n, n, "", {}, b"<svg/>") for n in ("bands", "differences", "pools")]
    page = render(content, tables, pictures, make_checklists(content))
    assert 'role="alert">NOT CONVERGED' in page


def test_names_break_between_their_parts_and_never_inside_a_number() -> None:
    from qqt_bayes.report.page import broken

    assert broken("edu:0.5+clean:0.5") == "edu:0.5+<wbr>clean:0.5"
    assert broken("common_crawl") == "common_<wbr>crawl"
    assert broken("+0.02 [+0.01, +0.03]") == "+0.02 [+0.01, +0.03]"
    assert broken("<b>&") == "&lt;b&gt;&amp;"


def test_the_runs_to_buy_are_those_of_the_command_that_is_printed() -> None:
    from qqt_bayes.report.command import buy_command, decide_command

    report = ("qqt report runs.csv --metric loss --budgets 8B,32B --prob 0.8 --spend 3M "
              "--stake compute --risk none -o out")  # fmt: skip
    assert buy_command(report) == (
        "qqt buy runs.csv --metric loss --budgets 8B,32B --spend 3M --stake compute"
    )
    assert decide_command(report) == (
        "qqt decide runs.csv --metric loss --budgets 8B,32B --prob 0.8 --json"
    )


def test_no_two_parameters_have_one_symbol() -> None:
    from qqt_bayes.report.page import LETTERS

    symbols = [symbol[:2] for symbol in LETTERS.values()]
    assert len(set(symbols)) == len(symbols)
    assert LETTERS["early_training"] == ("s", "0", "early training")
    assert LETTERS["mixture_drift"][:2] == ("s", "mt")
