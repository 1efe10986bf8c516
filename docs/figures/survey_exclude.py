"""What a made-up survey of the anticentre rejects: ``images/survey_exclude.png``, and numbers.

Run it from anywhere: ``python docs/figures/survey_exclude.py``. A minute. The survey has the
numbers that are published of the one with DSA-110 (arXiv:2510.18136): 290 mJy at 6 sigma in 134 ms,
widths up to 160.8 s, 141 < l < 225 and -3.5 < b < 5.7 degrees. Its drifts are ours: one each 1.5
degrees of declination.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

from pipeline.cli.survey_exclude_figures import exclusion_figure
from pipeline.config import load_config
from pipeline.report.style import to_png
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.transients.exclusion import Exclusion, exclude
from surveys.transients.region import cells_of, completeness_of
from surveys.transients.settings import ExcludeSettings
from surveys.transients.white_dwarf import WhiteDwarfSettings

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "images" / "survey_exclude.png"
EXAMPLES = ROOT / "examples" / "survey"


def drifts() -> Pointings:
    """One drift over the region at each declination."""
    l, b = np.meshgrid(np.linspace(141, 225, 500), np.linspace(-3.5, 5.7, 60))
    sky = SkyCoord(l.ravel() * units.deg, b.ravel() * units.deg, frame="galactic").icrs
    ra, dec = np.asarray(sky.ra.deg), np.asarray(sky.dec.deg)
    decs = np.arange(-10, 64, 1.5)
    near = [np.abs(dec - one) < 1.2 for one in decs]
    decs = decs[[n.any() for n in near]]
    ends = np.array([(ra[n].min(), ra[n].max()) for n in near if n.any()])
    seconds = (np.ptp(ends, axis=1) + 3.0) * 240
    return Pointings.of(
        start_mjd=60600.0 + np.arange(len(decs)), duration_s=seconds, searched_s=0.9 * seconds,
        ra=ends[:, 0] - 1.5, dec=decs, drift=True, noise_jy=0.290 / 6, tsamp_s=0.134,
        beam_fwhm_deg=3.2, field_deg=3.0, threshold=6.0, max_width_s=160.8,
    )  # fmt: skip


def told(name: str, found: Exclusion) -> None:
    """One line of a table."""
    period = found.settings.axis[0].values
    most = found.grid.rejected_share >= 0.95
    cells = [name]
    for where in (most, most & found.emission.possible):
        columns = period[where.any(axis=0)]
        cells.append(f"{columns[0]:.0f}–{columns[-1]:.0f} s" if len(columns) else "none")
    limit = np.where(found.emission.possible, found.density_limit_pc3, np.inf)
    cells += [f"{np.min(v):.1e}" for v in (found.density_limit_pc3, limit)]
    print("| " + " | ".join(cells) + " |")  # noqa: T201


def main() -> None:
    """Compute, print, draw."""
    coverage = expose(drifts(), 128, "galactic")
    orbital = load_config(EXAMPLES / "exclude_white_dwarf.toml", ExcludeSettings)
    magnetar = load_config(EXAMPLES / "exclude_magnetar.toml", ExcludeSettings)
    region, search = cells_of(coverage, orbital.search, completeness_of(orbital.search), "")
    print(f"{coverage.area_deg2:.0f} and {region.area_deg2.sum():.0f} square degrees")  # noqa: T201
    print(f"{np.median(region.seconds):.0f} s, {len(search.stays)} visits")  # noqa: T201
    others = {
        "period of the orbit": orbital,
        "the same, all that is intercepted": _with(orbital, power="intercepted"),
        "the same, white dwarf as companion": _with(orbital, companion="white dwarf"),
        "beat of spin and orbit": _with(orbital, period="beat"),
        "spin": _with(orbital, period="spin"),
        "magnetars, RICS": magnetar,
        "magnetars, curvature": replace(magnetar, model="magnetar_curvature"),
    }
    for name, settings in others.items():
        found = exclude(settings, region, search, "", lambda done, n: None)
        told(name, found)
        if settings.white_dwarf.period == "beat":
            OUT.write_bytes(to_png(exclusion_figure(found)))


def _with(settings: ExcludeSettings, **more: str) -> ExcludeSettings:
    return replace(settings, white_dwarf=WhiteDwarfSettings(**more))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
