"""The application, its commands and its exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from qqt_bayes import __version__
from qqt_bayes.cli import answer, tables
from qqt_bayes.errors import GateError, QQTError

BAD_INPUT, NOT_CONVERGED = 2, 3

app = typer.Typer(
    name="qqt",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="From a CSV of small training runs to credible bands on the best data at each budget.",
    epilog="Example: qqt decide runs.csv --metric loss --budgets 480k,1.92M",
)


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options of the program itself."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


tables.register(app)
answer.register(app)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 bad input or usage, 3 not converged."""
    warnings.showwarning = lambda message, *_args, **_kw: print(f"warning: {message}",
                                                               file=sys.stderr)  # fmt: skip
    try:
        code = app(argv, standalone_mode=False)
    except GateError as error:
        print(f"qqt: {error}", file=sys.stderr)
        code = NOT_CONVERGED
    except QQTError as error:
        print(f"qqt: {error}", file=sys.stderr)
        code = BAD_INPUT
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("qqt: stopped", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the reader of a pipe has gone: not an error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)  # a usage error of the parser
        help_at = f" -> see {context.command_path} --help" if context else ""
        print(f"qqt: {error.format_message()}{help_at}", file=sys.stderr)
        code = BAD_INPUT
    sys.exit(code if isinstance(code, int) else 0)
