r"""Images of an elliptical source as an instrument shows it, and how they change with the source.

The transform of the source is known at every frequency, so that nothing is sampled on sub-pixels:

.. math:: I(Y, X) = \frac{1}{G^2} \sum_{k} T_k\, \mathrm{sinc}(f_x)\, \mathrm{sinc}(f_y)\, V(f)\,
          e^{2 \pi i (f_x (X - x) + f_y (Y - y))}, \qquad f = k / G

over the frequencies, in cycles a pixel, of a padded square of G pixels at which an instrument
transmits; those beyond half a cycle are the aliases of pixels that are too coarse. Only the pixels
of the stamp are wanted and only a part of the frequencies is there, which makes the sum two
products of matrices, with the place of the source in them. A source beyond the middle square of
G pixels comes back from the other side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from surveys.fitting.elliptical import FLUX, Amplitudes, X, Y, amplitudes

_LEAST_TRANSFER = 3e-4
"""Of the largest, below which frequencies are left out."""

_LEAST_IMAGINARY = 1e-5
"""Of the largest, below which a transfer function is taken to be real."""

_product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StampPlan:
    """How an instrument shows sources in its stamps.

    Attributes
    ----------
    transfer : Array
        (2, ky, kx), of sources of unit flux, for the frequencies ``(ky, kx)`` and ``(-ky, kx)``
        over the padded square's side; real or complex. The light of whole pixels, the second half
        of the plane and the area of the square are in it.
    noise_amplitude : Array, optional
        (grid, grid // 2 + 1): white noise of variance 1 times it is noise of variance 1 a pixel.
        White without.
    grid : int
        Side of the padded square, in pixels.
    n_pixels : int
        Side of a stamp.
    """

    transfer: Array
    noise_amplitude: Array | None
    grid: int = field(metadata={"static": True})
    n_pixels: int = field(metadata={"static": True})

    @property
    def _k(self) -> NDArray[np.float32]:
        return np.arange(self.transfer.shape[-1], dtype=np.float32)

    @property
    def cycles(self) -> tuple[Array, Array]:
        """Frequencies along x (1, 1, kx) and y (2, ky, 1) in cycles a pixel."""
        f = jnp.asarray(self._k / self.grid)
        return f[None, None, :], jnp.stack([f, -f])[:, :, None]

    def waves(self, at: Array) -> tuple[Array, Array]:
        """Cosine and sine of each frequency from a place on, (pixel, k).

        Parameters
        ----------
        at : Array
            Pixels from the middle of the stamp.
        """
        pixel = np.arange(self.n_pixels, dtype=np.float32) - (self.n_pixels - 1) / 2
        phase = (pixel - at)[:, None] * (2 * math.pi / self.grid * self._k)
        return jnp.cos(phase), jnp.sin(phase)

    def noise_power(self, images: Array) -> Array:
        """Variances and covariances of weighted sums of noise.

        Parameters
        ----------
        images : Array
            (p, y, x): weights of pixels whose noise has variance 1.

        Returns
        -------
        Array
            (p, p).
        """
        flat = images.reshape(len(images), -1)
        if self.noise_amplitude is None:
            return _product("id,jd->ij", flat, flat)
        side = self.grid
        plane = jnp.fft.rfft2(images, s=(side, side)) * self.noise_amplitude
        times = np.full(side // 2 + 1, 2.0, np.float32)
        times[0] = 1.0
        times[-1] -= side % 2 == 0
        left = plane * (times / side**2)
        products = _product("iyx,jyx->ij", left.real, plane.real)
        return products + _product("iyx,jyx->ij", left.imag, plane.imag)


def stamp_plan(
    transfer: ArrayLike, oversampling: int, n_pixels: int, noise_amplitude: ArrayLike | None = None
) -> StampPlan:
    """The plan of an instrument's stamps.

    Parameters
    ----------
    transfer : array
        (grid * oversampling, grid * oversampling // 2 + 1): of the sky in fine pixels, on the plane
        of `jnp.fft.rfft2`. The image that is transformed back is then summed in whole pixels.
    oversampling : int
        Fine pixels along a pixel.
    n_pixels : int
    noise_amplitude : array, optional
        (grid, grid // 2 + 1).
    """
    plane = np.asarray(transfer, np.complex128)
    side, columns = plane.shape
    grid = side // oversampling
    ky, kx = np.rint(np.fft.fftfreq(side) * side).astype(int), np.arange(columns)
    # The fine pixels' own light and their sum are the light of a whole pixel.
    plane = plane * np.sinc(ky / grid)[:, None] * np.sinc(kx / grid)
    size = np.abs(plane)
    seen = size > _LEAST_TRANSFER * size.max()
    # The row and the column of Nyquist's frequency, which stand for two, hold nothing.
    seen[side // 2], seen[:, side // 2 :] = False, False
    rows, its_columns = np.nonzero(seen)
    most = int(max(np.abs(ky[rows]).max(), its_columns.max()))
    k = np.arange(most + 1)
    halves = np.stack([plane[k][:, k], plane[-k][:, k]]) / grid**2
    halves[:, :, 1:] *= 2
    halves[1, 0] = 0
    if np.abs(halves.imag).max() <= _LEAST_IMAGINARY * np.abs(halves).max():
        weights = jnp.asarray(halves.real, jnp.float32)
    else:
        weights = jnp.asarray(halves, jnp.complex64)
    amplitude = None if noise_amplitude is None else jnp.asarray(noise_amplitude, jnp.float32)
    return StampPlan(weights, amplitude, grid, n_pixels)


def _transformed(planes: Array, cos_y: Array, sin_y: Array, real: bool) -> tuple[Array, Array]:
    """Sums over ky of planes (2, ky, p, kx), real and imaginary part (y, p, kx)."""
    even, odd = planes[0] + planes[1], planes[0] - planes[1]

    def times(wave: Array, plane: Array) -> Array:
        return _product("yk,kpx->ypx", wave, plane)

    if real:
        return times(cos_y, even), times(sin_y, odd)
    return (
        times(cos_y, even.real) - times(sin_y, odd.imag),
        times(cos_y, even.imag) + times(sin_y, odd.real),
    )


def _to_pixels(real: Array, imaginary: Array, cos_x: Array, sin_x: Array) -> Array:
    image = _product("ypk,xk->pyx", real, cos_x)
    return image - _product("ypk,xk->pyx", imaginary, sin_x)


def unit_image(parameters: Array, plan: StampPlan, table: Array) -> Array:
    """Image (y, x) of a source of unit flux.

    Parameters
    ----------
    parameters : (7,)
        As in `surveys.fitting.elliptical`, in pixels from the middle of the stamp.
    plan : StampPlan
    table : (index, frequency)
        Of `surveys.fitting.profiles.visibility_table`.
    """
    seen = amplitudes(parameters, plan.cycles, table).seen
    planes = (seen * plan.transfer)[:, :, None]
    waves = plan.waves(parameters[Y])
    sums = _transformed(planes, *waves, not jnp.iscomplexobj(planes))
    return _to_pixels(*sums, *plan.waves(parameters[X]))[0]


def image_and_slopes(parameters: Array, plan: StampPlan, table: Array) -> tuple[Array, Array]:
    """Image of a source, and how it changes with its parameters.

    Parameters
    ----------
    parameters, plan, table
        As in `unit_image`.

    Returns
    -------
    image : (y, x)
    slopes : (7, y, x)
    """
    found: Amplitudes = amplitudes(parameters, plan.cycles, table)
    planes = jnp.stack(found, axis=-2) * plan.transfer[:, :, None]
    is_real = not jnp.iscomplexobj(planes)
    cos_x, sin_x = plan.waves(parameters[X])
    cos_y, sin_y = plan.waves(parameters[Y])
    turn = 2 * math.pi / plan.grid * plan._k
    sums = _transformed(planes, cos_y, sin_y, is_real)
    of_profile = _to_pixels(*sums, cos_x, sin_x)
    first = (sums[0][:, :1], sums[1][:, :1])
    with_x = _to_pixels(*first, sin_x * turn, -cos_x * turn)
    along_y = _transformed(planes[:, :, :1], sin_y * turn, -cos_y * turn, is_real)
    with_y = _to_pixels(*along_y, cos_x, sin_x)
    flux = parameters[FLUX]
    others = jnp.concatenate([with_x, with_y, of_profile[1:]])
    return flux * of_profile[0], jnp.concatenate([of_profile[:1], flux * others])
