"""Sizes of FLARES IV and XVI, to compare with.

FLARES IV is Roper et al. (2022, MNRAS 514, 1921; arXiv:2203.12627), FLARES XVI is Punyasheel et
al. (2025, A&A 696, A234; arXiv:2408.11037).

The tables of FLARES IV here are those of a draft of the paper in its authors' public repository;
the journal's were not at hand. They are not the same: the published abstract has slopes m from
1.21 to 1.87, the draft's table from 1.20 to 1.78 for redshifts from 5 to 12. Its fits are least
squares of R, not of ln R, without selection, so that large galaxies weigh more than here; those
of m are weighted by the share of the universe that each region stands for.

Of FLARES XVI only the abstract was at hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from surveys.scaling.verdicts import Interval

FLARES_IV_DRAFT = "FLARES IV (arXiv:2203.12627), table of a draft"
FLARES_IV_ABSTRACT = "FLARES IV (arXiv:2203.12627), published abstract"
FLARES_XVI_ABSTRACT = "FLARES XVI (arXiv:2408.11037v2), abstract"

L_STAR_EVOLUTION = 1e29
"""erg/s/Hz: the L* of the luminosity samples below; that of sizes is 10^29.03."""


@dataclass(frozen=True)
class SizeLuminosity:
    """R = R0 (L/L*)^beta with dust, L* = 10^29.03 erg/s/Hz.

    Attributes
    ----------
    z : float
    band : str
        Of the rest frame; FUV is 1500 A.
    r0_kpc, r0_err, beta, beta_err : float
        Proper kpc.
    source : str
    """

    z: float
    band: str
    r0_kpc: float
    r0_err: float
    beta: float
    beta_err: float
    source: str = FLARES_IV_DRAFT


@dataclass(frozen=True)
class SizeEvolution:
    """R = R0 (1 + z)^-m of a luminosity sample in the far UV.

    Attributes
    ----------
    sample : str
        In units of the L* of :data:`L_STAR_EVOLUTION`.
    z : (lowest, highest)
    r0_kpc, r0_err, m, m_err : float
        R0 is the size at z = 0.
    source : str
    """

    sample: str
    z: tuple[float, float]
    r0_kpc: float
    r0_err: float
    m: float
    m_err: float
    source: str = FLARES_IV_DRAFT


@dataclass(frozen=True)
class Statement:
    """One of the abstract of FLARES XVI.

    Attributes
    ----------
    key : str
    text : str
        In other words than the paper's.
    quantity : str
        The number it is about.
    published : Interval
    z, snr : (lowest, highest), optional
        Where it is said.
    sums_up : tuple of str
        Keys of statements that it follows from.
    source : str
    """

    key: str
    text: str
    quantity: str
    published: Interval
    z: tuple[float, float] = (5.0, 10.0)
    snr: tuple[float, float] | None = None
    sums_up: tuple[str, ...] = ()
    source: str = FLARES_XVI_ABSTRACT


FLARES_IV_UV = (
    SizeLuminosity(9.0, "FUV", 0.793, 0.019, 0.519, 0.026),
    SizeLuminosity(8.0, "FUV", 0.842, 0.012, 0.319, 0.013),
    SizeLuminosity(7.0, "FUV", 1.126, 0.011, 0.290, 0.008),
    SizeLuminosity(6.0, "FUV", 1.370, 0.007, 0.279, 0.004),
    SizeLuminosity(5.0, "FUV", 1.692, 0.006, 0.300, 0.003),
)

FLARES_IV_BANDS = (
    SizeLuminosity(5.0, "FUV", 1.692, 0.006, 0.300, 0.003),
    SizeLuminosity(5.0, "MUV", 1.639, 0.006, 0.280, 0.003),
    SizeLuminosity(5.0, "NUV", 1.627, 0.006, 0.261, 0.003),
    SizeLuminosity(5.0, "U", 1.514, 0.006, 0.215, 0.003),
    SizeLuminosity(5.0, "B", 1.526, 0.005, 0.149, 0.003),
    SizeLuminosity(5.0, "V", 1.604, 0.006, 0.104, 0.002),
    SizeLuminosity(5.0, "R", 1.383, 0.004, 0.156, 0.003),
    SizeLuminosity(5.0, "I", 1.554, 0.006, 0.069, 0.002),
    SizeLuminosity(5.0, "Z", 1.455, 0.005, 0.064, 0.002),
    SizeLuminosity(5.0, "Y", 1.439, 0.005, 0.061, 0.002),
    SizeLuminosity(5.0, "J", 1.455, 0.005, 0.024, 0.002),
    SizeLuminosity(5.0, "H", 1.430, 0.005, -0.004, 0.002),
)
"""By rising wavelength, at z = 5. R0 does not fall evenly, as L/L* is that of each band."""

FLARES_IV_EVOLUTION = (
    SizeEvolution("L < 0.3 L*", (5.0, 12.0), 8.99, 0.42, 1.20, 0.03),
    SizeEvolution("0.3 L* < L < L*", (5.0, 12.0), 21.98, 1.04, 1.59, 0.03),
    SizeEvolution("L > 0.3 L*", (5.0, 12.0), 34.61, 2.08, 1.78, 0.03),
    SizeEvolution("L < 0.3 L*", (5.0, 10.0), 8.65, 0.41, 1.18, 0.03),
    SizeEvolution("0.3 L* < L < L*", (5.0, 10.0), 21.53, 1.04, 1.58, 0.03),
    SizeEvolution("L > 0.3 L*", (5.0, 10.0), 34.11, 2.09, 1.77, 0.03),
    SizeEvolution("L < 0.3 L*", (7.0, 12.0), 311.78, 73.80, 2.88, 0.11),
    SizeEvolution("0.3 L* < L < L*", (7.0, 12.0), 49.91, 7.62, 1.99, 0.07),
    SizeEvolution("L > 0.3 L*", (7.0, 12.0), 66.22, 12.43, 2.09, 0.09),
)

FLARES_IV_M = Interval(1.21, 1.87)
"""Range of m over the luminosity samples: :data:`FLARES_IV_ABSTRACT`."""

FLARES_XVI = (
    Statement(
        "optical",
        "Dust makes galaxies look less extended the longer the wavelength, down to the optical: "
        "the size at 0.4 um is about 0.6 of that in the UV.",
        "size at rest 0.4 um / size at rest 0.15 um",
        # About 0.6 is taken as what rounds to it.
        Interval(0.55, 0.65),
    ),
    Statement(
        "fir",
        "Sizes in the far infrared do not change with redshift.",
        "m of R = R0 (1 + z)^-m at rest 50 um",
        Interval(0.0, 0.0),
    ),
    Statement(
        "all_snr",
        "Observed sizes are 0.4 to 1.2 of the intrinsic ones.",
        "observed / intrinsic size, rest 0.15 um",
        Interval(0.4, 1.2),
        snr=(5.0, 20.0),
        sums_up=("snr5", "snr15_near", "snr15_far"),
    ),
    Statement(
        "snr5",
        "Faint light is lost in the noise at the lowest SNR, and sizes come out too small.",
        "observed / intrinsic size, rest 0.15 um",
        Interval(0.4, 0.8),
        snr=(5.0, 5.0),
    ),
    Statement(
        "snr15_near",
        "At a higher SNR less is lost.",
        "observed / intrinsic size, rest 0.15 um",
        Interval(0.6, 0.9),
        z=(5.0, 8.0),
        snr=(15.0, 20.0),
    ),
    Statement(
        "snr15_far",
        "At the highest redshifts the point spread function widens what are mostly bright cores, "
        "and sizes come out too large.",
        "observed / intrinsic size, rest 0.15 um",
        Interval(1.0, 1.2),
        z=(9.0, 10.0),
        snr=(15.0, 20.0),
    ),
    Statement(
        "alma",
        "At a resolution of about 0.3 arcsec noise acts as if light were more extended.",
        "observed / intrinsic size, rest 158 um, 0.3 arcsec; with noise over without",
        # No number is given, but the direction.
        Interval(1.0, math.inf),
    ),
)
"""The abstract's six statements, and the range `all_snr` that three of them give together."""


def statement(key: str) -> Statement:
    """That of FLARES XVI with a key."""
    known = {s.key: s for s in FLARES_XVI}
    if key not in known:
        raise ValueError(f"{key!r} is no statement; there are {', '.join(known)}")
    return known[key]
