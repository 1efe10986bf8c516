"""Learning from examples."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from numpy.typing import NDArray

from pipeline.classifier.network import Network, Sizes, each_logit, make_networks
from pipeline.classifier.platt import class_weights
from pipeline.classifier.settings import TrainSettings
from pipeline.classifier.stamps import CLEANED_NUMBERS, CLEANED_PLANES, Stamps, take

_UNMEASURED = 0.1
"""Share of the examples whose features are hidden, and of those whose cleaned image is, so that
neither is relied upon."""


def train(
    stamps: Stamps,
    real: NDArray[np.bool_],
    settings: TrainSettings,
    sizes: Sizes | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Network:
    """Fit networks to examples; both classes count alike, however many there are of each.

    Parameters
    ----------
    stamps : Stamps
        n examples.
    real : (n,) bool
    settings : TrainSettings
        The same seed gives the same weights on the same machine.
    sizes : Sizes, optional
    tell : callable, optional
        Called with the epochs done, and their number.
    """
    sizes, n = sizes or Sizes(), len(real)
    batch = min(settings.batch, n)
    steps = max(1, n // batch)
    key, first = jax.random.split(jax.random.PRNGKey(settings.seed))
    networks = make_networks(sizes, first)
    total = steps * settings.epochs
    rate = optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, max(1, total // 20), total, 1e-2 * settings.learning_rate
    )
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(rate, weight_decay=settings.weight_decay),
    )
    state = optimiser.init(eqx.filter(networks, eqx.is_array))
    weight = class_weights(real)
    rng = np.random.default_rng(settings.seed)
    step = eqx.filter_jit(_stepper(optimiser))
    for epoch in range(settings.epochs):
        order = rng.permutation(n)
        for i in range(steps):
            rows = np.sort(order[i * batch : (i + 1) * batch])
            key, turn = jax.random.split(key)
            labels = real[rows].astype(np.float32), weight[rows]
            networks, state = step(networks, state, take(stamps, rows), labels, turn)
        if tell is not None:
            tell(epoch + 1, settings.epochs)
    return networks


def _stepper(optimiser: optax.GradientTransformation) -> Callable:
    def loss(networks: Network, stamps: Stamps, labels: tuple[Array, Array], key: Array) -> Array:
        real, weight = labels
        logits = each_logit(networks, turned(stamps, key))
        return jnp.mean(weight * optax.sigmoid_binary_cross_entropy(logits, real))

    def step(
        networks: Network,
        state: optax.OptState,
        stamps: Stamps,
        labels: tuple[Array, Array],
        key: Array,
    ) -> tuple[Network, optax.OptState]:
        gradient = eqx.filter_grad(loss)(networks, stamps, labels, key)
        change, state = optimiser.update(gradient, state, eqx.filter(networks, eqx.is_array))
        return eqx.apply_updates(networks, change), state

    return step


def turned(stamps: Stamps, key: Array) -> Stamps:
    """Examples as they might as well have been: mirrored, turned, reversed in time and band.

    A pulse is none the less one; its PSF goes with its image. Of some the features are hidden,
    of others all that is of the cleaned image.
    """
    keys = jax.random.split(key, 7)
    n = stamps.numbers.shape[0]

    def maybe(i: int, changed: Array, kept: Array) -> Array:
        which = jax.random.bernoulli(keys[i], 0.5, (n, 1, 1, 1))
        return jnp.where(which, changed, kept)

    image, spectrum, numbers = stamps
    image = maybe(0, image[..., ::-1], image)
    image = maybe(1, image[..., ::-1, :], image)
    image = maybe(2, jnp.swapaxes(image, -1, -2), image)
    spectrum = maybe(3, spectrum[..., ::-1], spectrum)
    spectrum = maybe(4, spectrum[..., ::-1, :], spectrum)
    hidden, uncleaned = (jax.random.bernoulli(k, _UNMEASURED, (n, 1)) for k in keys[5:])
    number = jnp.arange(numbers.shape[1])
    gone = jnp.where(number < CLEANED_NUMBERS, hidden & (number >= 2), uncleaned)
    plane = jnp.arange(image.shape[1])[:, None, None] >= CLEANED_PLANES
    image = jnp.where(uncleaned[..., None, None] & plane, 0.0, image)
    return Stamps(image, spectrum, jnp.where(gone, 0.0, numbers))
