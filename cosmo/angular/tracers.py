"""What is seen on the sky: a sum of terms, each a weight along the line of sight.

A tracer's harmonic coefficients are integrals of the matter density delta,

    sum over terms of  integral dchi w(chi) O delta,

with O one of

==========  ======================================  =======================================
kind        on the full sky, for delta(k)           used for
==========  ======================================  =======================================
density     j_l(k chi)                              galaxies, with w = b n
rsd         -j_l''(k chi)                           Kaiser's distortions, with w = f n
lensing     l (l + 1) j_l(k chi) / (k chi)^2        convergence, magnification, alignments
potential   j_l(k chi) / k^2                        the late Sachs-Wolfe effect
primordial  j_l(k chi) / (k^2 T(k))                 bias by primordial non-Gaussianity
==========  ======================================  =======================================

T the transfer function, and one factor of l for the whole tracer. In the flat sky, ``lensing`` is
the density itself: the Laplacian across the line of sight is taken for the one in space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jax import Array

KINDS = ("density", "rsd", "lensing", "potential", "primordial")
# Those with a factor k^-2 and no distance beside it.
POTENTIALS = ("potential", "primordial")

# Factors of l for a whole tracer.
FACTORS: dict[str, Callable[[Any], Any]] = {
    "none": lambda l: l**0,
    # Shear over convergence, in harmonics of spin 2.
    "shear": lambda l: ((l + 2) * (l - 1) / (l * (l + 1))) ** 0.5,
    # Lensing potential over convergence.
    "potential": lambda l: 2 / (l * (l + 1)),
}


@partial(jax.tree_util.register_dataclass, data_fields=["chi", "terms"], meta_fields=["factor"])
@dataclass(frozen=True)
class Tracer:
    """Weights along the line of sight.

    Parameters
    ----------
    chi : array, (n,)
        Comoving distances, rising, Mpc/h; weights are zero beyond both ends.
    terms : dict of str to array, (n,)
        Weights by kind, h/Mpc, without growth.
    factor : str
        One of ``FACTORS``.
    """

    chi: Array
    terms: dict[str, Array]
    factor: str = "none"
