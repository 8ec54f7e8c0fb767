"""What a newcomer meets first: README, CONTRIBUTING, the Makefile and its parts."""

import re
from pathlib import Path

import pytest
from documents import PAGES, ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SLOW = re.compile(r"mark\.slow|-m slow")


def test_the_readme_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    assert len(re.findall(r"(?<![\w.])[+-]?(?:\d[\d,]*\.?\d*|\.\d+)", text)) <= 40


def test_contributing_is_one_page() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 75
    for path in re.findall(r"`((?:qqt_bayes|models|benchmarks|docs|cli|laws)/[\w./]*)`", text):
        if "NAME" not in path:
            inside = (ROOT / path, ROOT / "qqt_bayes" / path)
            assert any(p.exists() for p in inside), path


PLAIN = [
    path
    for path in PAGES
    if path.parent.name in ("how_to", "evidence") or path.name in ("README.md", "CONTRIBUTING.md")
    or path.stem in ("tutorial", "glossary", "what_may_go_wrong")
]  # fmt: skip
PRIVATE = re.compile(r"\bwalk(?:s|ed)?\b|\btold\b|\blaid anew\b|\bchart\b")


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_sentences_are_short_and_plain(path: Path) -> None:
    """No sentence over 35 words, and none of the words that only the authors know."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!-- (table|priors): .*?<!-- end -->", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\$[^$]+\$", "x", text)
    if path.stem == "import":  # what W&B calls a chart
        text = re.sub(r"\bchart\b", "export", text)
    assert not PRIVATE.findall(text)
    lines = re.sub(r"^(\||\s*[-:*] |\s*\d+\. |#)", r"\n\n\1", text, flags=re.MULTILINE)
    for part in re.split(r"\n\s*\n", lines):
        if not part.startswith("|"):
            for sentence in re.split(r"(?<=[.?!:;])\s+", " ".join(part.split())):
                assert len(sentence.split()) <= 35, sentence


def slow_parts() -> dict[str, list[str]]:
    """Parts of the slow tests by name, from the Makefile."""
    found = re.findall(r"^SLOW_(\w+) := (.*)$", MAKEFILE, re.MULTILINE)
    return {name: paths.split() for name, paths in found}


def test_the_parts_are_those_that_are_named() -> None:
    named = re.search(r"^PARTS := (.*)$", MAKEFILE, re.MULTILINE)
    assert named
    assert named[1].split() == list(slow_parts())


def test_every_slow_test_is_in_one_part() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path != Path(__file__) and SLOW.search(path.read_text(encoding="utf-8")):
            name = path.relative_to(ROOT).as_posix()
            inside = [
                part
                for part, paths in slow_parts().items()
                if any(name == p or name.startswith(f"{p}/") for p in paths)
            ]
            assert len(inside) == 1, f"{name} is in {inside or 'no part'}"


def test_every_target_has_a_line_of_help() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## \S", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("name", ["bug", "wish", "wrong_answer"])
def test_issue_templates_have_a_head(name: str) -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.md").read_text(encoding="utf-8")
    head = text.split("---\n")[1]
    assert re.search(r"^name: \S", head, re.MULTILINE)
    assert re.search(r"^about: \S", head, re.MULTILINE)
