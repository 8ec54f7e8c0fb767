"""``python -m qqt_bayes`` is ``qqt``."""

from qqt_bayes.cli import main

if __name__ == "__main__":
    main()
