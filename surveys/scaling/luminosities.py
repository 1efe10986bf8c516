r"""What the true luminosity of a galaxy is, given the measured one and its error.

A relation that is fitted to measured luminosities is too flat: those measured high are mostly
lower in truth. With a normal population of ln L, of mean :math:`\bar x` and variance
:math:`\tau^2`, and an error u, the true value is normal with

.. math:: \lambda = \frac{\tau^2}{\tau^2 + u^2}, \qquad
   E = \bar x + \lambda (x - \bar x), \qquad V = \lambda u^2 ;

with a population :math:`dN/d\ln L \propto L^g` it is :math:`E = x + g u^2` and :math:`V = u^2`.
It is these that a line is fitted to. That holds whatever the luminosities of the sample are cut
at, as the cut is one of the measured value, which is given.
"""

from __future__ import annotations

import math

import numpy as np

from surveys.errors import SettingProblem
from surveys.scaling.likelihood import Floats, LinearData
from surveys.scaling.linear_fit import fit_linear


def true_ln_luminosity(
    measured: Floats, err: Floats, population: float | None, least: float = -math.inf
) -> tuple[Floats, Floats]:
    """Mean and variance (n,) of the true ln L.

    Parameters
    ----------
    measured : (n,)
        ln L.
    err : (n,)
    population : float, optional
        The g of a power law; without it the population is normal, and fitted.
    least : float
        ln of the luminosity that the sample is cut at; for a normal population.

    Raises
    ------
    SettingProblem
        The galaxies do not tell the population.
    """
    if not err.any():
        return measured, np.zeros_like(measured)
    if population is not None:
        return measured + population * err**2, err**2
    n = len(measured)
    ones, none = np.ones((n, 1)), np.zeros((n, 1))
    cut, open_end = np.full(n, least), np.full(n, math.inf)
    data = LinearData(measured, ones, err**2, none, cut, open_end, np.zeros(n, int), np.ones(n))
    remedy = "give luminosity_slope, the g of dN/dlnL ~ L^g"
    try:
        fit = fit_linear(data)
    except SettingProblem as error:
        problem = "has errors, and the galaxies do not tell a normal population of ln L"
        raise SettingProblem("luminosity", problem, remedy) from error
    if fit.scatter == 0:
        problem = "has errors that are larger than its spread"
        raise SettingProblem("luminosity", problem, "give galaxies that differ in it")
    share = fit.scatter**2 / (fit.scatter**2 + err**2)
    middle = fit.parameters[0]
    return middle + share * (measured - middle), share * err**2
