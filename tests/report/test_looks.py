"""In a real browser and a real LaTeX: no overflow, no message, and tables that compile."""

import re
import shutil
import subprocess

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
LATEX = shutil.which("pdflatex") or shutil.which("tectonic")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--disable-background-networking", "--enable-logging=stderr")  # fmt: skip

pytestmark = pytest.mark.slow


def browse(*argv: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [BROWSER, *FLAGS, *argv], capture_output=True, text=True, timeout=120, check=True
    )


@pytest.mark.skipif(BROWSER is None, reason="no chromium")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("which", ["made", "evil"])
def test_page_in_a_browser(request, tmp_path, width: int, which: str) -> None:
    folder = request.getfixturevalue(which)
    size, picture = f"--window-size={width},1600", tmp_path / "page.png"
    shown = browse(size, f"--screenshot={picture}", (folder / "report.html").as_uri())
    assert "CONSOLE" not in shown.stderr
    assert "ERR_" not in shown.stderr
    assert picture.stat().st_size > 20_000
    # measured by a script, in a copy that allows one
    text = (folder / "report.html").read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    probe = (
        "<script>onload = () => parent.postMessage("
        "innerWidth + ' ' + document.documentElement.scrollWidth, '*')</script>"
    )
    copy, frame = tmp_path / "copy.html", tmp_path / "frame.html"
    copy.write_text(text.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    frame.write_text(  # a window has a least width, a frame has none
        "<!DOCTYPE html><html><head><title>none</title></head><body>"
        "<script>onmessage = (found) => { document.title = found.data }</script>"
        f'<iframe src="copy.html" width="{width}" height="900" style="border: 0"></iframe>'
        "</body></html>"
    )
    dumped = browse("--virtual-time-budget=5000", "--dump-dom", frame.as_uri()).stdout
    found = re.search(r"<title>(\d+) (\d+)</title>", dumped)
    assert found is not None
    assert int(found[1]) == width
    assert int(found[2]) <= width


@pytest.mark.skipif(LATEX is None, reason="no LaTeX")
@pytest.mark.parametrize("which", ["made", "evil"])
def test_latex_compiles(request, tmp_path, which: str) -> None:
    folder = request.getfixturevalue(which)
    inputs = [f"\\input{{{folder / 'methods'}}}"]
    inputs += [f"\\input{{{path}}}" for path in sorted((folder / "tables").glob("*.tex"))]
    paper = tmp_path / "paper.tex"
    paper.write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        + "\n\n".join(inputs)
        + f"\n\\bibliographystyle{{plain}}\\bibliography{{{folder / 'references'}}}\n"
        "\\end{document}\n",
        encoding="utf-8",
    )
    flags = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in LATEX else []
    done = subprocess.run(
        [LATEX, *flags, paper.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").is_file()
