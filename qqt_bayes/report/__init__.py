"""Reporting: one self-contained page, tables, figures and a methods paragraph from a fit."""

from qqt_bayes.report.checklists import read_answers
from qqt_bayes.report.write import write_page, write_report

__all__ = ["read_answers", "write_page", "write_report"]
