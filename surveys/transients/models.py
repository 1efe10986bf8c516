"""The models by their names, and their parameters by the settings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem
from surveys.transients.emission import Model
from surveys.transients.empirical import empirical, power_law
from surveys.transients.magnetar import magnetar
from surveys.transients.settings import ExcludeSettings
from surveys.transients.white_dwarf import white_dwarf


def model_of(settings: ExcludeSettings, where: str) -> Model:
    """The model of the settings, once its parameters are known to be good.

    Raises
    ------
    InputError, SettingProblem
        A parameter is not one of this model, or beyond what it may be.
    """
    model = {
        "magnetar_rics": lambda: magnetar("RICS"),
        "magnetar_curvature": lambda: magnetar("curvature"),
        "white_dwarf": lambda: white_dwarf(settings.white_dwarf),
        "empirical": empirical,
        "power_law": lambda: power_law(settings.power_law),
    }[settings.model]()
    for fixed in settings.parameter:
        model.check(fixed.name, fixed.value, where)
    for axis in settings.axis:
        for value in (axis.low, axis.high):
            model.check(axis.name, value, where)
    if {"band_low_mhz", "band_high_mhz"} <= set(model.known):
        reference = reference_values(model, settings)
        low, high = reference["band_low_mhz"], reference["band_high_mhz"]
        if not low <= settings.search.frequency_mhz <= high:
            problem = f"is {settings.search.frequency_mhz:g}, outside the band of the model"
            raise SettingProblem(
                "search.frequency_mhz", problem, f"give {low:g} to {high:g}, or change its ends"
            )
    return model


def reference_values(model: Model, settings: ExcludeSettings) -> dict[str, float]:
    """One value of each parameter: as given, else its default, within the axis if it is one."""
    values = {p.name: p.default for p in model.parameters}
    values |= {p.name: p.value for p in settings.parameter}
    for axis in settings.axis:
        values[axis.name] = min(max(values[axis.name], axis.low), axis.high)
    return values


def grid_values(model: Model, settings: ExcludeSettings) -> dict[str, float | NDArray]:
    """Values of all parameters on the grid, shape (n of the second axis, n of the first)."""
    first, second = np.meshgrid(*(axis.values for axis in settings.axis))
    values: dict[str, float | NDArray] = dict(reference_values(model, settings))
    values[settings.axis[0].name], values[settings.axis[1].name] = first, second
    return values
