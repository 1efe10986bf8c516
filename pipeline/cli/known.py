"""``--known``: catalogs of known sources, of the commands that look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

NOTHING = "none"
HELP = "Catalog of known sources: lpt (ships), a file, or none; may be repeated. [lpt]"


def read_catalogs(names: Sequence[str] | None) -> Any:
    """All sources of catalogs, or None without any; what is odd about them is said.

    Raises
    ------
    InputError
        A catalog cannot be used.
    """
    from pipeline.errors import InputError
    from surveys.known_sources.read import SHIPPED, read_known
    from surveys.known_sources.sources import concatenate

    wanted = list(names or (SHIPPED,))
    if NOTHING in wanted:
        if len(set(wanted)) > 1:
            raise InputError("command line", "--known", "is none and something", "give one of them")
        return None
    catalogs = [read_known(name) for name in dict.fromkeys(wanted)]
    for note in (note for catalog in catalogs for note in catalog.notes):
        typer.echo(f"note: {note}", err=True)
    return concatenate(catalogs)


def known_places(names: Sequence[str] | None) -> Any:
    """Where the sources of catalogs are, or None without any."""
    from pipeline.known_places import KnownPlaces

    known = read_catalogs(names)
    if known is None:
        return None
    return KnownPlaces(
        known.name, known.ra_deg, known.dec_deg, known.position_error_arcsec, known.source
    )
