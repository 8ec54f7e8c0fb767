"""The application, its commands and its exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from traceback import print_exception
from typing import Annotated, Any

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
    tables,
    tasks,
)
from qqt_bayes.cli import options as o
from qqt_bayes.errors import GateError, QQTError, UsageError, bounded
from qqt_bayes.harmless import visible

BAD_INPUT, NOT_CONVERGED, FAULT, STOPPED, UNREAD = 2, 3, 70, 130, 141
TRACEBACK = "--traceback"
TIDYING = 2.0  # seconds after a first Ctrl-C in which a second does not disturb
MOMENT = 0.05  # seconds
LONG = 300  # characters of somebody else's message
UNTOLD = (RuntimeWarning, DeprecationWarning, PendingDeprecationWarning, FutureWarning,
          ResourceWarning, ImportWarning)  # fmt: skip

app = typer.Typer(
    name="qqt",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="From a CSV of small training runs to credible bands on the best data at each budget.",
    epilog="Example: qqt decide runs.csv --metric loss --budgets 480k,1.92M\n\n"
    "Exit codes: 0 done; 1 `qqt risk` says FAIL; 2 bad input or usage; 3 the fit did not converge; "
    "70 a fault of qqt itself; 130 interrupted; 143 asked to end.",
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
    traceback: Annotated[
        bool,
        typer.Option(TRACEBACK, help="Of an unexpected error, print all of it; goes anywhere."),
    ] = False,
) -> None:
    """Options of the program itself."""


COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Write down your runs": (tables.check, tables.new, tables.kinds, importing.import_),
    "Ask": (
        tables.priors, answer.fit, answer.decide, risk.risk, buy.buy, act.act, allocate.allocate,
        tasks.tasks, report.report,
    ),
    "See how well it works": (
        answer.demo, buy.replay, calibrate.calibrate, calibrate.sbc, doctor.doctor,
    ),
}  # fmt: skip
for group, commands in COMMANDS.items():
    for command in commands:
        name = command.__name__.strip("_")
        app.command(name, rich_help_panel=group)(o.flat(command))


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit.

    0 done, 1 `qqt risk` says FAIL, 2 bad input or usage, 3 not converged, 70 a fault of this
    program, 130 interrupted, 143 asked to end.
    """
    words = sys.argv[1:] if argv is None else argv
    traceback = TRACEBACK in words
    warnings.showwarning = partial(show_warning, everything=traceback, told=set())
    with stopping() as signals:
        try:
            code = run([word for word in spelled_out(words) if word != TRACEBACK])
            if code == STOPPED:
                code = say("stopped", 128 + signals[0] if signals else STOPPED)
            sys.stdout.flush()  # a full disk is told here, not after the end
        except BaseException as error:
            # a signal tells, whatever became of it on its way through other libraries
            code = say("stopped", 128 + signals[0]) if signals else explain(error, traceback)
    sys.exit(code)


def run(words: list[str]) -> int:
    """Run a command; returns what it ends with."""
    given = [word.split("=")[0] for word in words if word.startswith("-")]
    if len(given) > len(set(given)):
        refuse_twice(words[0], given)
    code = app(words, prog_name="qqt", standalone_mode=False)
    return code if isinstance(code, int) else 0


def refuse_twice(name: str, given: list[str]) -> None:
    """Refuse an option of one value that is given again: the first would be lost in silence."""
    command = getattr(typer.main.get_command(app), "commands", {}).get(name)
    for option in command.params if command else ():
        one = not getattr(option, "multiple", True) and not getattr(option, "is_flag", True)
        if one and sum(word in option.opts for word in given) > 1:
            several = "; several laws: qqt decide --specs A,B" if option.name == "spec" else ""
            raise UsageError(f"{option.opts[0]} is given twice -> give it once{several}")


def explain(error: BaseException, traceback: bool) -> int:
    """Tell on stderr why the program ends; returns the exit code."""
    match error:
        case KeyboardInterrupt() | typer.Abort():
            return say("stopped", STOPPED)
        case GateError():
            return say(error.on_command_line, NOT_CONVERGED)
        case QQTError():
            return say(error, BAD_INPUT)
        case BrokenPipeError() | SystemExit(code=1):  # the reader of the output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return UNREAD
        case OSError() if error.errno is not None:
            return say(f"{error.filename or 'file'}: {error.strerror or error}", BAD_INPUT)
        case Exception() if hasattr(error, "format_message"):  # a usage error of the parser
            context, text = getattr(error, "ctx", None), error.format_message()
            return say(
                text, BAD_INPUT, "" if " -> " in text or not context else advice(context, text)
            )
        case MemoryError() if not traceback:
            return say("not enough memory -> ask for fewer budgets, candidates or draws", FAULT)
        case Exception() if not traceback:
            what = " ".join(f"{type(error).__name__}: {error}".split())[:LONG]
            return say(
                f"a fault of this program, not of your input: {what} -> run it again with "
                f"{TRACEBACK} and report what it prints",
                FAULT,
            )
        case Exception():
            print_exception(error)
            return FAULT
    raise error


def advice(context: Any, text: str) -> str:
    """Where to look after a usage error; where something is missing, what a whole command is."""
    for option in context.command.params:
        value = context.params.get(option.name)
        if isinstance(value, str) and value.startswith("--"):
            return f" -> {option.opts[0]} has no value: it took '{value}' for it"
    example = re.search(r"Example: (qqt .+)", context.command.help or "")
    whole = f"for example: {example[1]}; " if example and text.startswith("Missing") else ""
    return f" -> {whole}see {context.command_path} --help"


@contextmanager
def stopping() -> Iterator[list[int]]:
    """Ctrl-C and a request to end: the first stops what is done, with time to tidy up.

    Gives the list of the signals that came.
    """
    came: list[int] = []
    times: list[float] = []

    def stop(number: int, _frame: object) -> None:
        came.append(number)
        times.append(monotonic())
        if len(times) == 1 or times[-1] - times[0] > TIDYING:
            raise KeyboardInterrupt

    def once_more(lost: Any) -> None:
        """Python drops what is raised in a callback of its own: stop a moment later."""
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            told(lost)
            return
        times.clear()
        later = threading.Timer(MOMENT, again)
        later.daemon = True
        later.start()

    def again() -> None:
        if sys.unraisablehook is once_more:  # else all is done
            os.kill(os.getpid(), came[-1] if came else signal.SIGINT)

    names = [signal.SIGINT, signal.SIGTERM]
    try:
        before = [signal.signal(name, stop) for name in names]
    except ValueError:  # not the main thread: somebody else attends to signals
        yield came
        return
    told, sys.unraisablehook = sys.unraisablehook, once_more
    try:
        yield came
    finally:
        sys.unraisablehook = told
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def show_warning(
    message: Warning | str, category: type[Warning], *_args: object, everything: bool = False,
    told: set[str], **_options: object,
) -> None:  # fmt: skip
    """Tell a warning that is meant for the user once; those of the arithmetic only on demand."""
    if str(message) in told:
        return
    told.add(str(message))
    if everything or not issubclass(category, UNTOLD):
        print(visible(f"warning: {message}"), file=sys.stderr)


def spelled_out(argv: list[str]) -> list[str]:
    """The words of a command, in full: ``--leave-out RUN`` is a condition, ``--shares`` of all."""
    out: list[str] = []
    for word, following in zip(argv, [*argv[1:], "-"], strict=False):
        if out and out[-1] == "--leave-out":
            out[-1:] = ["--where", f"run!={word}"]
        elif word.startswith("--leave-out="):
            out += ["--where", f"run!={word.partition('=')[2]}"]
        else:
            out += [word, "all"] if word == "--shares" and following.startswith("-") else [word]
    return out


def say(message: object, code: int, advice: str = "") -> int:
    """Tell on stderr why the program ends; returns the exit code."""
    if text := bounded(str(message)):  # without arguments the help has been printed already
        text = visible(f"qqt: {text.removesuffix('.') if advice else text}{advice}")
        # whatever the terminal can write
        print(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(
            sys.stderr.encoding or "utf-8"), file=sys.stderr)  # fmt: skip
    return code
