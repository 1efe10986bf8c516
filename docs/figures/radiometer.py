"""What the radiometer equation gives for DSA-110's fast images, as docs/calibration.md has it.

Run from the root of the repository: python docs/figures/radiometer.py
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.weighting import Weighting
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Recording
from pipeline.visibilities.nsfrb import NsfrbReader
from surveys.instruments import dsa110
from surveys.instruments.radiometer import Radiometer, sefd_jy

N_ANTENNAS, BANDWIDTH_MHZ = 63, 187.5
SCHEMES = (("natural", 0.0, 0.0), ("briggs", 0.0, 0.0), ("briggs", -2.0, 20.0))


def main() -> None:
    """Print 6 sigma of a pulse of one sample for some weightings."""
    sefd = sefd_jy(25.0, dsa110.DISH_M, 0.7)
    baselines = N_ANTENNAS * (N_ANTENNAS - 1) / 2
    config = SimulationConfig(
        recording=Recording(duration_s=1.0, format="nsfrb"),
        array=Array(n_antennas=N_ANTENNAS, channels=1),
    )
    with tempfile.TemporaryDirectory() as folder:
        made = simulate(config, Path(folder) / "recording", seed=1)
        for scheme, robust, shortest in SCHEMES:
            weighting = Weighting(scheme=scheme, robust=robust, uv_min_m=shortest)
            settings = ImagingSettings(size=175, pixel_arcsec=10.665, weighting=weighting)
            reader = ImagedReader(NsfrbReader(made.recordings), settings)
            efficiency = math.sqrt(reader.n_independent.mean() / baselines)
            array = Radiometer(
                sefd, N_ANTENNAS, BANDWIDTH_MHZ, dsa110.TSAMP_S, efficiency=efficiency
            )
            flux, fluence = array.limits()
            sys.stdout.write(
                f"{scheme} {robust:g}, from {shortest:g} m: efficiency {efficiency:.2f}, noise "
                f"{1e3 * array.noise_jy:.1f} mJy, 6 sigma {1e3 * flux:.0f} mJy, "
                f"{fluence:.1f} Jy ms\n"
            )
    sys.stdout.write(f"SEFD {sefd:.0f} Jy\n")


if __name__ == "__main__":
    main()
