"""The command line, ``qqt``. Heavy libraries are imported by the commands that need them."""

from qqt_bayes.cli.main import app, main

__all__ = ["app", "main"]
