"""What tests of the pipeline share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from astropy.utils import iers


@pytest.fixture
def offline() -> Iterator[None]:
    """Without looking up the Earth's rotation over the network."""
    with iers.conf.set_temp("auto_download", False):
        yield
