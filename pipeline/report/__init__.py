"""The report of a search: figures and one self-contained page."""

from pipeline.report.html import make_report

__all__ = ["make_report"]
