"""How often Gaussian noise alone passes the threshold."""

from __future__ import annotations

import math

from .plan import SearchPlan


def expected_false_alarms(
    plan: SearchPlan, n_samples: int, threshold: float | None = None
) -> float:
    """Expected number of noise peaks in a recording.

    A boxcar of w samples moved over white noise has the autocorrelation 1 - |t| / w;
    the rate at which such a process has clusters above a high u is u^2 / w times the
    normal tail Q(u) (Pickands 1969), and no more than one a start that is tried. Rungs
    and DM trials are correlated with their neighbours as well, so that of each rung's
    rate only ``_SHARE`` is new; beams count as independent.

    Parameters
    ----------
    plan : SearchPlan
    n_samples : int
        Length of the recording.
    threshold : float, optional
        S/N; the plan's if not given.
    """
    u = plan.config.threshold if threshold is None else threshold
    tail = 0.5 * math.erfc(u / math.sqrt(2))
    beam = max(1.0, 1.13 * plan.config.beam_fwhm_px**2)
    n_beams = max(1.0, plan.n_pixels / beam)
    rate = 0.0
    for level in plan.levels:
        for rung in level.rungs:
            clusters = min(1.0 / level.decimation, u * u / (rung.width * level.decimation))
            rate += rung.n_rows * clusters
    return rate * _SHARE * n_beams * n_samples * tail


_SHARE = 0.5
