"""A trained classifier: weights, calibration and card in one file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from pipeline.classifier.network import Network, Sizes, make_networks, mean_logit
from pipeline.classifier.npz import BROKEN, read_arrays
from pipeline.classifier.platt import Platt
from pipeline.classifier.stamps import Stamps, take, turns
from pipeline.errors import InputError
from pipeline.sinks.atomic import write_bytes

FORMAT = "slowburst-classifier/2"
SHIPPED = "weights.npz"
_BATCHES = 64, 512
"""Sizes that candidates are padded to, so that few programs are compiled."""
_BLOCK = 8
"""Candidates that a CPU looks at together."""
_DOUBT = 4.0
"""Logarithm of the odds below which a candidate is doubtful: that of one in ten is."""


@dataclass(frozen=True)
class Classifier:
    """Networks that were trained, and how their odds are to be read.

    Attributes
    ----------
    networks : Network
    sizes : Sizes
    platt : Platt
    card : dict
        What it was trained on, how well it did, and where its limits are; JSON-like.
    """

    networks: Network
    sizes: Sizes
    platt: Platt
    card: Mapping[str, Any]

    def logits(self, stamps: Stamps) -> NDArray[np.float64]:
        """Odds as the networks give them, natural logarithm, (n,).

        The doubtful are looked at from all sides, and the mean counts.
        """
        odds = self._seen_once(stamps)
        doubtful = np.flatnonzero(np.abs(odds) < _DOUBT)
        if len(doubtful):
            others = [self._seen_once(turned) for turned in turns(take(stamps, doubtful))]
            odds[doubtful] = np.mean([odds[doubtful], *others], axis=0)
        return odds

    def _seen_once(self, stamps: Stamps) -> NDArray[np.float64]:
        n = len(stamps.numbers)
        out = np.zeros(n)
        size = next((b for b in _BATCHES if n <= b), _BATCHES[-1])
        block = _BLOCK if jax.default_backend() == "cpu" else size
        for first in range(0, n, size):
            part = take(stamps, slice(first, first + size))
            missing = size - len(part.numbers)
            padded = Stamps(*(_pad(a, missing) for a in part))
            found = np.asarray(mean_logit(self.networks, padded, block), float)
            out[first : first + size] = found[: size - missing]
        return out

    def probabilities(self, stamps: Stamps, prior: float = 0.5) -> NDArray[np.float64]:
        """Probability of each candidate to be real, (n,).

        Parameters
        ----------
        stamps : Stamps
        prior : float
            Share of the candidates that are real before any is looked at.
        """
        odds = self.platt.slope * self.logits(stamps) + self.platt.offset
        return np.asarray(expit(odds + logit(prior)), float)


def _pad(array: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    return np.concatenate([array, np.zeros((n, *array.shape[1:]), np.float32)]) if n else array


def save(classifier: Classifier, path: Path) -> None:
    """Write a classifier to one file."""
    leaves = jax.tree.leaves(eqx.filter(classifier.networks, eqx.is_array))
    about = {
        "format": FORMAT,
        "sizes": classifier.sizes._asdict(),
        "platt": classifier.platt._asdict(),
        "card": dict(classifier.card),
    }
    arrays = {f"weights_{i:02d}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    memory = io.BytesIO()
    np.savez_compressed(memory, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    write_bytes(path, memory.getvalue())


def load(path: Path | None = None) -> Classifier:
    """Read a classifier; without a path that which comes with the program.

    Raises
    ------
    InputError
        The file is none of ours, of another version, or damaged.
    """
    if path is None:
        with resources.as_file(resources.files("pipeline.classifier") / SHIPPED) as shipped:
            return load(shipped)
    remedy = "give what `slowburst train` wrote, or no model for that which comes with the program"
    try:
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        if about["format"] != FORMAT:
            raise InputError(str(path), "format", f"is {about['format']!r}", f"train {FORMAT}")
        sizes = Sizes(**about["sizes"])
        networks = eqx.filter_eval_shape(make_networks, sizes, jax.random.PRNGKey(0))
        leaves, tree = jax.tree.flatten(networks)
        found = [arrays[f"weights_{i:02d}"] for i in range(len(leaves))]
        for leaf, array in zip(leaves, found, strict=True):
            if array.shape != leaf.shape or array.dtype != leaf.dtype:
                raise ValueError(f"weights have shape {array.shape}, not {leaf.shape}")
            if not np.isfinite(array).all():
                raise ValueError("weights are not finite")
        platt = Platt(**{k: float(v) for k, v in about["platt"].items()})
        return Classifier(jax.tree.unflatten(tree, found), sizes, platt, about["card"])
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(str(path), "model", problem, remedy) from error
    except BROKEN as error:
        raise InputError(str(path), "model", f"is no classifier ({error})", remedy) from error
