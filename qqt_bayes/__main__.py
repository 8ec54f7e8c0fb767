"""``python -m qqt_bayes`` and ``qqt``: the command line."""

import os
import signal
import sys

__all__ = ["main"]

STOPPED = (130, 143)  # by Ctrl-C, by a request to end


def main() -> None:
    """Run the command line; Ctrl-C before it has started ends it quietly too."""
    try:
        from qqt_bayes.cli import main as run

        run()
    except KeyboardInterrupt:
        leave(STOPPED[0])
    except SystemExit as end:
        if end.code in STOPPED:
            leave(int(end.code))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and told: nothing to stop
        raise


def leave(code: int) -> None:
    """End at once, all being tidied up: interrupted in an import, Python would end by a signal."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


if __name__ == "__main__":
    main()
