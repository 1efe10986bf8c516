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

    first: int = 10
    second: int = 20
    hidden: int = 32
    members: int = 3


class Convolution(eqx.Module):
    """Three by three pixels, as a product of matrices: that is fast on every device.

    The convolutions of XLA take a hundred times as long for several networks at once on a CPU.
    """

    weight: Array
    bias: Array
    stride: int = eqx.field(static=True)

    def __init__(self, channels: int, out: int, stride: int, key: Array) -> None:
        n = 9 * channels
        self.weight = jax.random.normal(key, (out, n)) * (2 / n) ** 0.5
        self.bias = jnp.zeros(out)
        self.stride = stride

    def __call__(self, picture: Array) -> Array:
        """A picture (channel, y, x), zeros around it, to one of the size over the stride."""
        _, ny, nx = picture.shape
        padded = jnp.pad(picture, ((0, 0), (1, 1), (1, 1)))
        step = self.stride
        cuts = [padded[:, i : i + ny : step, j : j + nx : step] for i in range(3) for j in range(3)]
        out = jnp.einsum("ok,kyx->oyx", self.weight, jnp.concatenate(cuts))
        return out + self.bias[:, None, None]


class Branch(eqx.Module):
    """Convolutions over a picture; of what they find the mean, the maximum, and the middle."""

    layers: tuple[Convolution, ...]

    def __init__(self, channels: int, sizes: Sizes, key: Array) -> None:
        keys = jax.random.split(key, 3)
        first, second = sizes.first, sizes.second
        self.layers = (
            Convolution(channels, first, 1, keys[0]),
            Convolution(first, second, 2, keys[1]),
            Convolution(second, second, 2, keys[2]),
        )

    def __call__(self, picture: Array) -> Array:
        """Features of a picture (channel, y, x)."""
        for layer in self.layers:
            picture = jax.nn.relu(layer(picture))
        flat = picture.reshape(picture.shape[0], -1)
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
