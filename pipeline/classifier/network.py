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

    def __call__(self, pictures: Array) -> Array:
        """Pictures (n, y, x, channel), zeros around them, to those of the size over the stride."""
        _, ny, nx, _ = pictures.shape
        padded = jnp.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)))
        step = self.stride
        cuts = [padded[:, i : i + ny : step, j : j + nx : step] for i in range(3) for j in range(3)]
        return jnp.concatenate(cuts, axis=-1) @ self.weight.T + self.bias


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

    def __call__(self, pictures: Array) -> Array:
        """Features (n, feature) of pictures (n, channel, y, x)."""
        seen = jnp.moveaxis(pictures, 1, -1)
        for layer in self.layers:
            seen = jax.nn.relu(layer(seen))
        # What is found where the candidate is.
        middle = seen[:, seen.shape[1] // 2, seen.shape[2] // 2]
        return jnp.concatenate([seen.mean((1, 2)), seen.max((1, 2)), middle], axis=-1)


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

    def __call__(self, stamps: Stamps) -> Array:
        """Logarithm of the odds of candidates, (n,)."""
        numbers = jax.vmap(self.numbers)(stamps.numbers)
        seen = [self.image(stamps.image), self.spectrum(stamps.spectrum), jax.nn.relu(numbers)]
        hidden = jax.vmap(self.hidden)(jnp.concatenate(seen, axis=-1))
        return jax.vmap(self.last)(jax.nn.relu(hidden))[:, 0]


def make_networks(sizes: Sizes, key: Array) -> Network:
    """Networks that begin with other weights each, along a first axis of their arrays."""
    return eqx.filter_vmap(lambda k: Network(sizes, k))(jax.random.split(key, sizes.members))


def each_logit(networks: Network, stamps: Stamps) -> Array:
    """What each network says of each candidate, (member, n)."""
    return eqx.filter_vmap(lambda network: network(stamps))(networks)


@eqx.filter_jit
def mean_logit(networks: Network, stamps: Stamps, block: int) -> Array:
    """Mean of what the networks say of each candidate, (n,).

    Parameters
    ----------
    networks : Network
    stamps : Stamps
        Of a whole number of blocks.
    block : int
        Candidates at a time: so few that what is made of them stays in the cache of a core.
    """
    blocks = jax.tree.map(lambda a: a.reshape(-1, block, *a.shape[1:]), stamps)
    members = len(networks.image.layers[0].bias)
    # One network after the other: products over several at once are slow on a CPU.
    each = [jax.tree.map(lambda a, i=i: a[i], networks) for i in range(members)]
    mean = jax.lax.map(lambda part: sum(network(part) for network in each) / members, blocks)
    return mean.reshape(-1)
