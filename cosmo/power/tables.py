"""Power spectra as tables.

Between nodes ln P is a cubic in ln k and in ln(1 + z), of fourth order. Below the first k the
spectrum goes on as ``k^n_s``, or with the slope that it has there; above the last, with the slope
that it has there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from cosmo.interpolation import hermite, slopes

MIN_WAVENUMBERS = 16
"""A table with fewer says too little of a spectrum."""

_EDGE = 4
"""Intervals over which the slope at an end is taken."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PowerTable:
    """P(k, z) at nodes; made by `power_table`, which checks it.

    Attributes
    ----------
    k : (n_k,) array
        h/Mpc, ascending.
    z : (n_z,) array
        Ascending; one of them is enough.
    pk : (n_z, n_k) array
        (Mpc/h)^3.
    n_s : scalar, optional
        Slope below the first k; measured if None.
    """

    k: Array
    z: Array
    pk: Array
    n_s: Any = None

    @jax.jit
    def __call__(self, k: Any, z: Any) -> Array:
        """P, (n_z, n_k); z is moved to the nearest end of the table where it is outside."""
        log_k = jnp.log(jnp.atleast_1d(jnp.asarray(k, float)))
        at = jnp.log1p(jnp.clip(jnp.atleast_1d(jnp.asarray(z, float)), self.z[0], self.z[-1]))
        in_k = self._along_k(log_k)
        if self.z.shape[0] == 1:
            return jnp.exp(jnp.broadcast_to(in_k, (at.shape[0], log_k.shape[0])))
        x = jnp.log1p(self.z)
        return jnp.exp(hermite(x, in_k.T, slopes(x, in_k.T), at).T)

    def _along_k(self, at: Array) -> Array:
        """Logarithm of P at the nodes in z."""
        x, y = jnp.log(self.k), jnp.log(self.pk)
        low = self.n_s
        if low is None:
            low = ((y[:, _EDGE] - y[:, 0]) / (x[_EDGE] - x[0]))[:, None]
        high = ((y[:, -1] - y[:, -1 - _EDGE]) / (x[-1] - x[-1 - _EDGE]))[:, None]
        inside = hermite(x, y, slopes(x, y), jnp.clip(at, x[0], x[-1]))
        below, above = jnp.minimum(at - x[0], 0), jnp.maximum(at - x[-1], 0)
        return inside + low * below + high * above


def power_table(k: Any, pk: Any, z: Any = None, n_s: float | None = None) -> PowerTable:
    """A table of P, checked.

    Parameters
    ----------
    k : (n_k,) array_like
        h/Mpc.
    pk : (n_k,) or (n_z, n_k) array_like
        (Mpc/h)^3.
    z : (n_z,) array_like, optional
        Without it P is that of z = 0.
    n_s : float, optional

    Raises
    ------
    ValueError
        A column has too few values or another shape than it should have, is not finite, not
        positive (z: negative), or not ascending.
    """
    k, pk = _positive("k_h_mpc", k), _positive("pk_mpc_h3", pk)
    if k.ndim != 1 or k.size < MIN_WAVENUMBERS:
        raise ValueError(
            f"k_h_mpc has the shape {k.shape}; {MIN_WAVENUMBERS} or more wavenumbers are needed"
        )
    _ascending("k_h_mpc", k)
    if z is None:
        if pk.ndim == 2 and len(pk) != 1:
            raise ValueError(f"pk_mpc_h3 has the shape {pk.shape}, and there is no z")
        z, pk = [0.0], np.atleast_2d(pk)
    z = np.atleast_1d(_finite("z", z))
    if z.ndim != 1 or not z.size or z.min() < 0:
        raise ValueError("z has to be a list of redshifts of 0 or more")
    _ascending("z", z)
    if z.size == 1:
        pk = np.atleast_2d(pk)
    if pk.shape != (z.size, k.size):
        raise ValueError(f"pk_mpc_h3 has the shape {pk.shape}, not (z, k) = {(z.size, k.size)}")
    if n_s is not None and not np.isfinite(n_s):
        raise ValueError(f"n_s = {n_s} is not finite")
    slope = None if n_s is None else jnp.asarray(n_s, float)
    return PowerTable(*(jnp.asarray(v, float) for v in (k, z, pk)), n_s=slope)


def read_power_table(path: str | Path, n_s: float | None = None) -> PowerTable:
    """A table from a file, NPZ or ECSV.

    Of ``k_h_mpc``, ``pk_mpc_h3`` and, if there is more than z = 0, ``z``. In an NPZ ``pk_mpc_h3``
    has the shape (n_z, n_k). An ECSV has a row for each z and k, in any order.

    Raises
    ------
    ValueError
        As `power_table`, or a column is missing, or the file is neither NPZ nor ECSV.
    """
    columns = read_columns(path)
    for name in ("k_h_mpc", "pk_mpc_h3"):
        if name not in columns:
            raise ValueError(f"{name} is missing; there is {', '.join(columns) or 'nothing'}")
    k, pk, z = columns["k_h_mpc"], columns["pk_mpc_h3"], columns.get("z")
    if z is not None and Path(path).suffix != ".npz":
        k, pk, z = _folded(k, pk, z)
    return power_table(k, pk, z, n_s)


def read_columns(path: str | Path) -> dict[str, NDArray[Any]]:
    """Arrays by name, of an NPZ or ECSV file.

    Raises
    ------
    ValueError
        It is neither.
    """
    path = Path(path)
    if path.suffix not in (".npz", ".ecsv"):
        raise ValueError(f"is {path.suffix or 'without an ending'}; give an .npz or an .ecsv")
    try:
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        from astropy.table import Table

        table = Table.read(path, format="ascii.ecsv")
        return {str(name): np.ma.filled(table[name], np.nan) for name in table.colnames}
    except OSError:
        raise
    except Exception as error:
        # A broken file can fail anywhere in the zip, npy, yaml and csv readers.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"cannot be read: {reason}") from error


def extrapolation_note(table: PowerTable, k_min: float, k_max: float) -> str:
    """What of a wanted range of k a table does not have, in words; empty if it has all."""
    first, last = float(table.k[0]), float(table.k[-1])
    parts = []
    if k_min < first * (1 - 1e-9):
        slope = "with the slope it has there" if table.n_s is None else "as k^n_s"
        parts.append(f"below k = {first:.4g} h/Mpc {slope}, {np.log10(first / k_min):.2g} decades")
    if k_max > last * (1 + 1e-9):
        decades = np.log10(k_max / last)
        parts.append(f"above k = {last:.4g} h/Mpc as a power law, {decades:.2g} decades")
    return "P(k) is extrapolated " + " and ".join(parts) if parts else ""


def _folded(k: Any, pk: Any, z: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Columns of rows (z, k, P) as a grid."""
    k, pk, z = _finite("k_h_mpc", k), _finite("pk_mpc_h3", pk), _finite("z", z)
    some_k, some_z = np.unique(k), np.unique(z)
    if k.size != some_k.size * some_z.size or len(set(zip(z, k, strict=True))) != k.size:
        raise ValueError(
            f"z has {some_z.size} values and k_h_mpc {some_k.size}, but the {k.size} rows are not "
            "one for each pair of them"
        )
    order = np.lexsort((k, z))
    return some_k, pk[order].reshape(some_z.size, some_k.size), some_z


def _finite(name: str, values: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not an array of numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite in {(~np.isfinite(array)).sum()} places")
    return array


def _positive(name: str, values: Any) -> NDArray[np.float64]:
    array = _finite(name, values)
    if not (array > 0).all():
        raise ValueError(f"{name} is not above 0 in {(array <= 0).sum()} places")
    return array


def _ascending(name: str, values: NDArray[np.float64]) -> None:
    falls = np.diff(values) <= 0
    if falls.any():
        raise ValueError(f"{name} does not ascend after value {np.argmax(falls)}")
