"""The notebooks run from top to bottom, and are kept without output."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    shown = "tutorial paper_revisited laion can_i_bet_on_it ten_runs_or_one_big_one"
    assert {*shown.split(), "improve_or_filter", "arviz"} <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_without_output(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    assert set(book.metadata) <= {"kernelspec", "language_info"}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the kernel's machinery is not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path: Path, tmp_path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for cell in book.cells:
        for output in cell.get("outputs", []):
            text = output.get("text", "")
            assert output.get("name") != "stderr" or "Warning" not in text, text
