"""Kernels of few combinations of powers instead of all.

Of the hundreds of powers of k that a power spectrum is a sum of, kernels at some multipoles and
nodes see some hundred combinations: what they make of the others is less than P(k) is known to.
They span the rows of a table whose columns are weighted by the sizes of the coefficients, and whose
rows by the inverse of what they come to; so do some hundred random sums of its rows (Halko,
Martinsson & Tropp 2011).

It takes some tenths of a second a table, and a third off each evaluation of the 120 spectra of N5K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np
from scipy import linalg

from cosmo.angular.nodes import Real
from cosmo.angular.planning import Work
from cosmo.angular.spectra import Group, Plan, Table, coefficients

# What is below this share of what rows come to is dropped.
_SHARE = 5e-7
# As many random sums of rows.
_SKETCH = 256
# Ranks are rounded up to multiples, so that groups of one shape share compiled programs.
_UNIT = 16


def _sizes(rows: Real) -> Real:
    """An upper envelope of the coefficients' sizes, that of no cosmology in particular."""
    n = rows.shape[1] // 2
    size = np.hypot(rows[:, :n], rows[:, n:]).max(0)
    return np.tile(np.maximum.accumulate(size[::-1])[::-1], 2)


def compressed(plan: Plan, work: Work) -> Plan:
    """The same plan for many evaluations, with P(k) of about the same shape.

    Parameters
    ----------
    plan : Plan
    work : Work
        What it was made for.
    """
    groups = tuple(_compressed_group(group, work) for group in plan.groups)
    return replace(plan, groups=groups)


def _compressed_group(group: Group, work: Work) -> Group:
    chi = np.asarray(group.chi)
    middles = [work.windows[i].middle for i in group.members]
    places = [int(np.abs(chi - middle).argmin()) for middle in middles]
    pk, transfer = work.spectrum(chi), work.of_numpy.transfer

    def fewer(table: Table) -> Table:
        rows = coefficients(work.modes, chi, pk, transfer, table.transfers)
        return _compressed_table(table, rows, places)

    kernels = (replace(part, tables=tuple(map(fewer, part.tables))) for part in group.kernels)
    return replace(group, kernels=tuple(kernels))


def _compressed_table(table: Table, rows: Real, places: Sequence[int]) -> Table:
    """A table of fewer columns.

    Parameters
    ----------
    table : Table
    rows : array, (n_chi, 2 n_mode)
        Coefficients of a power spectrum at some distances.
    places : sequence of int
        The distances at which the result counts.
    """
    kernel = np.asarray(table.kernel)
    n_ell, n_eta, n = kernel.shape
    size = _sizes(rows)
    # Kernels are largest where both distances are one.
    seen = np.abs(kernel[:, 0] @ rows[list(places)].T).min(1)
    weighted = (kernel * (size / seen[:, None, None])).reshape(-1, n)
    random = np.random.default_rng(0).standard_normal((min(_SKETCH, n), n_ell * n_eta))
    vectors, values, _ = linalg.qr(
        (random @ weighted / np.sqrt(n_ell * n_eta)).T, mode="economic", pivoting=True
    )
    wanted = int(np.sum(np.abs(np.diag(values)) > _SHARE * np.sqrt(len(random))))
    rank = _UNIT * int(np.ceil(max(wanted, 1) / _UNIT))
    if 2 * rank > n:
        return table
    basis = vectors[:, :rank]
    fewer = Table((kernel * size) @ basis, basis.T / size, table.transfers)
    return jax.device_put(fewer)
