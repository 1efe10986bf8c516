"""The network: what it looks at are stamps, what it says is the logarithm of odds."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from pipeline.classifier.stamps import IMAGE_SHAPE, N_NUMBERS, SPECTRUM_SHAPE, Stamps


class Sizes(NamedTuple):
    """Widths of the layers, and the number of networks whose mean counts."""

    first: int = 12
    second: int = 20
    hidden: int = 48
    members: int = 4


class Branch(eqx.Module):
    """Convolutions over a picture, and the mean and the maximum of what they find."""

    layers: tuple[eqx.nn.Conv2d, ...]

    def __init__(self, channels: int, sizes: Sizes, key: Array) -> None:
        keys = jax.random.split(key, 3)
        first, second = sizes.first, sizes.second
        self.layers = (
            eqx.nn.Conv2d(channels, first, 3, padding=1, key=keys[0]),
            eqx.nn.Conv2d(first, second, 3, stride=2, padding=1, key=keys[1]),
            eqx.nn.Conv2d(second, second, 3, stride=2, padding=1, key=keys[2]),
        )

    def __call__(self, picture: Array) -> Array:
        """Features of a picture (channel, y, x)."""
        for layer in self.layers:
            picture = jax.nn.relu(layer(picture))
        n = picture.shape[0]
        flat = picture.reshape(n, -1)
        return jnp.concatenate([flat.mean(1), flat.max(1), _middle(picture)])


def _middle(picture: Array) -> Array:
    """What is found where the candidate is."""
    _, ny, nx = picture.shape
    return picture[:, ny // 2, nx // 2]


class Network(eqx.Module):
    """Two branches and the numbers, and a layer that sees all three."""

    image: Branch
    spectrum: Branch
    numbers: eqx.nn.Linear
    hidden: eqx.nn.Linear
    last: eqx.nn.Linear

    def __init__(self, sizes: Sizes, key: Array) -> None:
        keys = jax.random.split(key, 5)
        self.image = Branch(IMAGE_SHAPE[0], sizes, keys[0])
        self.spectrum = Branch(SPECTRUM_SHAPE[0], sizes, keys[1])
        self.numbers = eqx.nn.Linear(N_NUMBERS, sizes.second, key=keys[2])
        n = 7 * sizes.second
        self.hidden = eqx.nn.Linear(n, sizes.hidden, key=keys[3])
        self.last = eqx.nn.Linear(sizes.hidden, 1, key=keys[4])

    def __call__(self, stamp: Stamps) -> Array:
        """Logarithm of the odds of one candidate."""
        seen = jnp.concatenate(
            [
                self.image(stamp.image),
                self.spectrum(stamp.spectrum),
                jax.nn.relu(self.numbers(stamp.numbers)),
            ]
        )
        return self.last(jax.nn.relu(self.hidden(seen)))[0]


def make_networks(sizes: Sizes, key: Array) -> Network:
    """Networks that begin with other weights each, along a first axis of their arrays."""
    return eqx.filter_vmap(lambda k: Network(sizes, k))(jax.random.split(key, sizes.members))


def each_logit(networks: Network, stamps: Stamps) -> Array:
    """What each network says of each candidate, (member, n)."""

    def of_one(network: Network) -> Array:
        return jax.vmap(network)(stamps)

    return eqx.filter_vmap(of_one)(networks)


@eqx.filter_jit
def mean_logit(networks: Network, stamps: Stamps) -> Array:
    """Mean of what the networks say of each candidate, (n,)."""
    return each_logit(networks, stamps).mean(0)
