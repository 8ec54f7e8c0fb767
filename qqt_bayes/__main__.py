"""``python -m qqt_bayes`` and ``qqt``: the command line."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C before it has started ends it quietly too."""
    try:
        from qqt_bayes.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
