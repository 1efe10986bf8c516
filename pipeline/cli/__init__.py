"""The ``slowburst`` command: one module a command, and the table that names them."""

from pipeline.cli.app import main

__all__ = ["main"]
