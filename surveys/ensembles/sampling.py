"""The posterior of an ensemble of bursts, drawn from by the No-U-Turn Sampler of numpyro.

numpyro comes with the extra ``hmc`` of this distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from astropy.table import Table
from jax import Array
from numpy.typing import NDArray

from cosmo.lognormal import SMALLEST, log_terms
from surveys.catalogs.halo_catalog import Floats
from surveys.ensembles.ensemble import Ensemble, Unknowns
from surveys.ensembles.settings import Sampling, SightlineFiles
from surveys.errors import InputError

PERCENTILES = 16.0, 50.0, 84.0
MOST_R_HAT = 1.01
"""Chains that have not met have more (Vehtari et al. 2021, Bayesian Analysis 16, 667)."""

LEAST_EFFECTIVE = 400
"""Independent draws that percentiles want (the same)."""

_PIECE = 50
"""Steps between two reports."""

_JITTER = 0.1


@dataclass(frozen=True)
class Posterior:
    """Draws.

    Attributes
    ----------
    parameters : dict
        (chain, draw) each: what all bursts have in common.
    bursts : dict
        (chain, draw, burst) each: the terms of :func:`terms_of_draw`.
    diverging : (chain, draw) bool
    n_steps : (chain, draw) int
        Of the trajectories.
    accepted : (chain, draw)
    """

    parameters: Mapping[str, Floats]
    bursts: Mapping[str, Floats]
    diverging: NDArray[np.bool_]
    n_steps: NDArray[np.int64]
    accepted: Floats


class _Progress:
    """Counts steps, and tells."""

    def __init__(self, total: int, tell: Callable[[int, int], None] | None) -> None:
        self.done, self.total, self.tell = 0, total, tell

    def add(self, n: int) -> None:
        """So many more."""
        self.done = min(self.done + n, self.total)
        if self.tell is not None:
            self.tell(self.done, self.total)


def sample(
    ensemble: Ensemble,
    tell: Callable[[int, int], None] | None = None,
    without_data: bool = False,
) -> Posterior:
    """Draw from the posterior; the same settings give the same draws.

    Parameters
    ----------
    ensemble : Ensemble
    tell : callable, optional
        Called with the steps made, and their number.
    without_data : bool
        Draw from the prior instead, in the same way.

    Raises
    ------
    InputError
        numpyro is not installed.
    """
    how = ensemble.settings.sampling
    progress = _Progress(how.n_chains * (how.n_warmup + how.n_draws), tell)
    begin, advance = _nuts(without_data, _whole(how.n_warmup), how.target_accept)
    chains, ensemble = [], _plain(ensemble)
    with jax.enable_x64(True):
        for chain in range(how.n_chains):
            seed = jax.random.fold_in(jax.random.PRNGKey(how.seed), chain)
            first, key, last = jax.random.split(seed, 3)
            state = begin(ensemble, _start(ensemble, first), key)
            unknowns, *rest = _run(partial(advance, ensemble), state, how, progress)
            found = _evaluated(ensemble, unknowns, last)
            chains.append(jax.tree.map(lambda a: np.asarray(a)[: how.n_draws], (*found, *rest)))
    return Posterior(*jax.tree.map(lambda *parts: np.stack(parts), *chains))


def _plain(ensemble: Ensemble) -> Ensemble:
    """The ensemble without what would have the same program compiled again."""
    settings = replace(ensemble.settings, sampling=Sampling(), sightlines=(SightlineFiles(Path()),))
    return replace(ensemble, names=("",) * len(ensemble.names), settings=settings, notes=())


@lru_cache(maxsize=8)
def _nuts(without_data: bool, n_warmup: int, target_accept: float) -> tuple[Any, Any]:
    """Compiled functions that begin a chain, and go on with it; ensembles of a kind share them."""
    try:
        from numpyro.infer.hmc import hmc
    except ImportError as error:
        problem, remedy = "is not installed", "pip install 'slowburst[hmc]'"
        raise InputError("dm-sample", "numpyro", problem, remedy) from error

    def potential_of(data: Ensemble) -> Callable[[Unknowns], Array]:
        def potential(unknowns: Unknowns) -> Array:
            if without_data:
                return 0.5 * sum(jnp.sum(v**2) for v in unknowns.values())  # type: ignore[return-value]
            return -data.log_posterior(unknowns)

        return potential

    init, move = hmc(potential_fn_gen=potential_of, algo="NUTS")

    def begin(data: Ensemble, start: Unknowns, key: Array) -> Any:
        return init(
            start,
            num_warmup=n_warmup,
            target_accept_prob=target_accept,
            model_args=(data,),
            rng_key=key,
        )

    def advance(data: Ensemble, state: Any) -> tuple[Any, tuple[Any, ...]]:
        def step(state: Any, _: None) -> tuple[Any, tuple[Any, ...]]:
            new = move(state, (data,), {})
            return new, (new.z, new.diverging, new.num_steps, new.accept_prob)

        return jax.lax.scan(step, state, None, length=_PIECE)

    return jax.jit(begin), jax.jit(advance)


def _run(advance: Any, state: Any, how: Sampling, progress: _Progress) -> Any:
    """One chain without its warm-up: unknowns, divergences, steps, acceptances."""
    drawn = []
    n_warm = _whole(how.n_warmup) // _PIECE
    for i in range(n_warm + _whole(how.n_draws) // _PIECE):
        # Until it is done, or an interrupt and what is told of it would be late.
        state, piece = jax.block_until_ready(advance(state))
        if i >= n_warm:
            drawn.append(jax.tree.map(np.asarray, piece))
        progress.add(_PIECE)
    return jax.tree.map(lambda *parts: np.concatenate(parts), *drawn)


def _whole(n: int) -> int:
    return -(-n // _PIECE) * _PIECE


def _start(ensemble: Ensemble, key: Array) -> dict[str, Array]:
    """Near the medians of the priors; each chain elsewhere."""
    shapes = ensemble.shapes()
    keys = jax.random.split(key, len(shapes))
    return {
        name: _JITTER * jax.random.normal(k, shape, jnp.float64)
        for k, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


@jax.jit
def _evaluated(
    ensemble: Ensemble, unknowns: Unknowns, key: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    keys = jax.random.split(key, len(next(iter(unknowns.values()))))
    return jax.lax.map(lambda one: terms_of_draw(ensemble, *one), (unknowns, keys))


def terms_of_draw(
    ensemble: Ensemble, unknowns: Unknowns, key: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Common parameters, and the terms of each burst, of one draw of the unknowns.

    The IGM and the host are drawn from what the measured DM leaves for both. ``predicted_obs`` is
    what would be measured of another burst behind the same halos.
    """
    terms = ensemble.terms(unknowns)
    split, igm, host, noise = jax.random.split(key, 4)
    left = jnp.maximum(terms.left, SMALLEST)
    weights = log_terms(left, terms.igm, terms.host, ensemble.nodes)
    node = jax.random.categorical(split, weights, axis=-1)
    share = jax.nn.sigmoid(jnp.asarray(ensemble.nodes)[node])
    anew = sum(
        jnp.exp(of.log_median + of.width * jax.random.normal(k, left.shape))
        for k, of in ((igm, terms.igm), (host, terms.host))
    )
    anew = anew + ensemble.bursts.dm_err * jax.random.normal(noise, left.shape)
    bursts = {
        "mw": terms.milky_way,
        "halos_obs": terms.halos,
        "igm_obs": left * share,
        "host_rest": left * (1 - share) * (1 + ensemble.bursts.z),
        "predicted_obs": terms.milky_way + terms.halos + anew,
    }
    return ensemble.parameters(unknowns), bursts


def parameter_table(posterior: Posterior) -> Table:
    """A row for each common parameter: percentiles, and how well the chains did."""
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    rows = []
    for name, draws in posterior.parameters.items():
        moved = np.ptp(draws) > 0
        r_hat = float(split_gelman_rubin(draws)) if moved else np.nan
        effective = float(effective_sample_size(draws)) if moved else np.nan
        mean, std = float(draws.mean()), float(draws.std())
        rows.append((name, *np.percentile(draws, PERCENTILES), mean, std, r_hat, effective))
    names = ["name", "p16", "p50", "p84", "mean", "std", "r_hat", "n_effective"]
    return Table(rows=rows, names=names)


def burst_table(ensemble: Ensemble, posterior: Posterior) -> Table:
    """A row for each burst: percentiles of its terms."""
    columns: dict[str, Any] = {
        "name": list(ensemble.names),
        "z": ensemble.bursts.z,
        "dm_measured_obs": ensemble.bursts.dm,
    }
    for name, draws in posterior.bursts.items():
        found = np.percentile(draws.reshape(-1, draws.shape[-1]), PERCENTILES, axis=0)
        columns |= {f"dm_{name}_p{p:.0f}": v for p, v in zip(PERCENTILES, found, strict=True)}
    below = posterior.bursts["predicted_obs"] < ensemble.bursts.dm
    columns["p_predicted_below"] = below.reshape(-1, len(ensemble.names)).mean(axis=0)
    return Table(columns)


def notes_on(posterior: Posterior) -> list[str]:
    """What is to be said of how well the chains did."""
    notes, table = [], parameter_table(posterior)
    n = int(posterior.diverging.sum())
    if n:
        notes.append(
            f"{n} of {posterior.diverging.size} draws diverged: raise target_accept, "
            "or narrow the priors"
        )
    for column, bad, said in (
        ("r_hat", table["r_hat"] > MOST_R_HAT, f"above {MOST_R_HAT}: warm up and draw more"),
        (
            "n_effective",
            table["n_effective"] < LEAST_EFFECTIVE,
            f"below {LEAST_EFFECTIVE}: draw more",
        ),
    ):
        if np.any(bad):
            which = ", ".join(f"{row['name']} ({row[column]:.4g})" for row in table[bad])
            notes.append(f"{column} of {which} is {said}")
    return notes
