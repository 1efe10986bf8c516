"""Exposure of a made-up drift scan and of some fields: ``docs/images/survey_coverage.png``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.cli.survey_coverage_figures import sky_figure
from pipeline.report.style import to_png
from surveys.coverage.coverage import combined
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings

NSIDE = 256
IMAGE = Path(__file__).parents[1] / "images" / "survey_coverage.png"


def main() -> None:
    """Make the figure."""
    n = 120
    usual = {"tsamp_s": 0.134, "beam_fwhm_deg": 3.2, "threshold": 7.0}
    scan = Pointings.of(
        start_mjd=60310 + 302 * np.arange(n) / 86400, duration_s=302.0, drift=True, noise_jy=0.04,
        ra=(250 + 1.26 * np.arange(n)) % 360, dec=37.2, **usual,
    )  # fmt: skip
    k = np.arange(12)
    fields = Pointings.of(
        start_mjd=60320 + k / 24, duration_s=3600.0, noise_jy=0.03, ra=283 + 4 * (k % 4),
        dec=0 + 4 * (k // 4), **usual,
    )  # fmt: skip
    coverage = combined([expose(part, NSIDE, "galactic") for part in (scan, fields)])
    hours = coverage.exposure_s(0.3, 2.0) / 3600
    figure = sky_figure(coverage, hours, "Exposure to pulses of 0.3 Jy, 2 s", "exposure (h)")
    IMAGE.write_bytes(to_png(figure))


if __name__ == "__main__":
    main()
