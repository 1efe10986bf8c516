"""The ``slowburst`` command."""
