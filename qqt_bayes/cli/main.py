"""The application, its commands and its exit codes."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from qqt_bayes import __version__
from qqt_bayes.cli import (
    act,
    allocate,
    answer,
    buy,
    calibrate,
    doctor,
    importing,
    report,
    risk,
    sbc,
    tables,
    tasks,
)
from qqt_bayes.cli import options as o
from qqt_bayes.errors import GateError, QQTError

BAD_INPUT, NOT_CONVERGED, STOPPED = 2, 3, 130

app = typer.Typer(
    name="qqt",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="From a CSV of small training runs to credible bands on the best data at each budget.",
    epilog="Example: qqt decide runs.csv --metric loss --budgets 480k,1.92M\n\n"
    "Exit codes: 0 done; 1 `qqt risk` says FAIL; 2 bad input or usage; 3 the fit did not converge; "
    "130 interrupted.",
)


def say_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=say_version),
    ] = False,
) -> None:
    """Options of the program itself."""


for part in (
    tables, importing, answer, risk, buy, act, allocate, tasks, report, calibrate, sbc, doctor,
):  # fmt: skip
    part.register(app)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit.

    0 done, 1 `qqt risk` says FAIL, 2 bad input or usage, 3 not converged, 130 interrupted.
    """
    warnings.showwarning = lambda message, *_args, **_kw: print(f"warning: {message}",
                                                               file=sys.stderr)  # fmt: skip
    words = whole(sys.argv[1:] if argv is None else argv)
    try:
        words = o.spelled_out(words)
        code = app(words, prog_name="qqt", standalone_mode=False)
    except GateError as error:
        code = say(error.on_command_line, NOT_CONVERGED)
    except QQTError as error:
        code = say(error, BAD_INPUT)
    except typer.Abort:
        code = STOPPED
    except OSError as error:
        code = say(f"{error.filename or 'file'}: {error.strerror or error}", BAD_INPUT)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)  # a usage error of the parser
        help_at = f" -> see {context.command_path} --help" if context else ""
        code = say(error.format_message(), BAD_INPUT, help_at)
    if code == STOPPED:
        say("stopped", STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def whole(argv: list[str]) -> list[str]:
    """The words with what an option that stands alone means: ``--shares`` is of all pools."""
    out: list[str] = []
    for word, following in zip(argv, [*argv[1:], "-"], strict=False):
        out += [word, "all"] if word == "--shares" and following.startswith("-") else [word]
    return out


def say(message: object, code: int, advice: str = "") -> int:
    """Tell on stderr why the program ends; returns the exit code."""
    if text := str(message):  # without arguments the help has been printed already
        print(f"qqt: {text.removesuffix('.') if advice else text}{advice}", file=sys.stderr)
    return code
