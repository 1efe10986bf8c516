"""How well candidates are told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from pipeline.injection.completeness import binomial_interval

BOGUS_KEPT = 0.02
"""Share of what is bogus at which the share of real pulses that are kept is given."""

_AUC_DRAWS = 100


def kept_at(
    p_real: NDArray[np.floating], real: NDArray[np.bool_], share: float = BOGUS_KEPT
) -> tuple[float, float]:
    """Threshold that so much of what is bogus passes at most, and the share of real ones."""
    bogus, true, thresholds = roc_curve(real, p_real, drop_intermediate=False)
    i = int(np.flatnonzero(bogus <= share)[-1])
    return float(thresholds[i]), float(true[i])


def metrics(
    p_real: NDArray[np.floating], real: NDArray[np.bool_], scene: NDArray[np.integer]
) -> dict[str, Any]:
    """Numbers of a set of examples; intervals are those of 68 %.

    Parameters
    ----------
    p_real : (n,)
    real : (n,) bool
    scene : (n,) int
        Examples of one scene are no independent ones: the error of the AUC is from
        drawing scenes with replacement.
    """
    n_real, n_bogus = int(real.sum()), int((~real).sum())
    out: dict[str, Any] = {"n_real": n_real, "n_bogus": n_bogus}
    if not n_real or not n_bogus:
        return out
    threshold, kept = kept_at(p_real, real)
    low, high = binomial_interval(round(kept * n_real), n_real)
    out |= {
        "auc": float(roc_auc_score(real, p_real)),
        "auc_error": _auc_error(p_real, real, scene),
        "threshold_at_2_percent": threshold,
        "real_kept": kept,
        "real_kept_low": float(low),
        "real_kept_high": float(high),
    }
    for name, which in (("real", real), ("bogus", ~real)):
        k, n = int(np.sum(p_real[which] >= 0.5)), int(which.sum())
        low, high = binomial_interval(k, n)
        out[f"{name}_above_half"] = k / n
        out[f"{name}_above_half_low"], out[f"{name}_above_half_high"] = float(low), float(high)
    weight = np.where(real, 0.5 / n_real, 0.5 / n_bogus)
    out["brier"] = float(np.sum(weight * (p_real - real) ** 2))
    rows = reliability(p_real, real)
    out["calibration_error"] = float(
        np.sum(rows["weight"] * np.abs(rows["share"] - rows["mean"])) / np.sum(rows["weight"])
    )
    return out


def _auc_error(
    p_real: NDArray[np.floating], real: NDArray[np.bool_], scene: NDArray[np.integer]
) -> float:
    rng, names = np.random.default_rng(0), np.unique(scene)
    rows = [np.flatnonzero(scene == name) for name in names]
    found = []
    for _ in range(_AUC_DRAWS):
        drawn = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        if 0 < real[drawn].sum() < len(drawn):
            found.append(roc_auc_score(real[drawn], p_real[drawn]))
    return float(np.std(found)) if found else float("nan")


def reliability(
    p_real: NDArray[np.floating], real: NDArray[np.bool_], n_bins: int = 10
) -> dict[str, NDArray[np.float64]]:
    """Share that is real in bins of the probability, both classes counting alike.

    Returns
    -------
    dict
        Of each bin with examples: ``mean`` probability, ``share`` that is real, ``low`` and
        ``high`` of its interval, ``weight`` of all, and ``n``.
    """
    ratio = real.sum() / max((~real).sum(), 1)
    index = np.minimum((np.asarray(p_real) * n_bins).astype(int), n_bins - 1)
    out: dict[str, list[float]] = {k: [] for k in ("mean", "share", "low", "high", "weight", "n")}
    for i in np.unique(index).tolist():
        here = index == i
        k, n = int(real[here].sum()), int(here.sum())
        weight = np.where(real[here], 1.0, ratio)
        out["mean"].append(float(np.average(p_real[here], weights=weight)))
        out["weight"].append(float(weight.sum()))
        out["n"].append(n)
        shares = np.array([k / n, *binomial_interval(k, n)])
        # As if there were as many of both.
        balanced = shares / (shares + ratio * (1 - shares))
        for name, value in zip(("share", "low", "high"), balanced.tolist(), strict=True):
            out[name].append(value)
    return {name: np.array(values, float) for name, values in out.items()}
