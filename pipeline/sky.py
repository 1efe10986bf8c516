"""What a recording saw of the sky, for maps of what was searched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from astropy.wcs.utils import proj_plane_pixel_scales

from pipeline.block import StreamHeader


def sky_of(header: StreamHeader) -> dict[str, Any]:
    """The section ``sky`` of ``summary.json``.

    Parameters
    ----------
    header : StreamHeader
        Of the images that were searched.

    Returns
    -------
    dict
        ``tsamp_s``; ``freq_mhz`` in the middle of the band; ``unit`` of the samples; the middle of
        the images, ``ra_deg`` and ``dec_deg`` in ICRS, and their sides ``field_deg`` along x and
        y, None without a WCS; and ``primary_beam``, see :class:`pipeline.block.PrimaryBeam`, None
        where images were not made of visibilities.
    """
    beam = header.primary_beam
    sky: dict[str, Any] = {
        "tsamp_s": header.tsamp_s,
        "freq_mhz": float(header.freq_mhz.min() + header.freq_mhz.max()) / 2,
        "unit": header.bunit,
        "ra_deg": None,
        "dec_deg": None,
        "field_deg": None,
        "primary_beam": None if beam is None else asdict(beam),
    }
    if header.wcs is None:
        return sky
    ny, nx = header.shape
    ra, dec = header.wcs.wcs_pix2world((nx - 1) / 2, (ny - 1) / 2, 0)
    if not np.isfinite(ra + dec):
        return sky
    sides = proj_plane_pixel_scales(header.wcs) * (nx, ny)
    sky |= {"ra_deg": float(ra) % 360, "dec_deg": float(dec), "field_deg": sides.tolist()}
    return sky
