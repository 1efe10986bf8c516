"""Quantities at the boundary: what comes in with a unit goes on as a float in ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units
from numpy.typing import NDArray

DM = units.pc / units.cm**3
"""The unit of a dispersion measure, pc cm^-3."""
EM = units.pc / units.cm**6
"""The unit of an emission measure, pc cm^-6."""


def value_in(value: Any, unit: units.UnitBase, name: str) -> NDArray[np.float64]:
    """The float64 values of a Quantity in a unit; bare numbers are taken to be in it already.

    Parameters
    ----------
    value : Quantity or array_like
    unit : astropy.units.UnitBase
    name : str
        What an error calls the argument.

    Raises
    ------
    ValueError
        The Quantity has another dimension.
    """
    if isinstance(value, units.Quantity):
        try:
            value = value.to_value(unit)
        except units.UnitConversionError:
            raise ValueError(f"{name} is in {value.unit}, which is no {unit}") from None
    return np.asarray(value, dtype=np.float64)


def redshifts(z: Any) -> NDArray[np.float64]:
    """Redshifts as float64; a ValueError names the first that is negative or no number."""
    values = np.asarray(z, dtype=np.float64)
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        raise ValueError(f"z = {values[wrong].flat[0]} is no redshift: it has to be 0 or more")
    return values
