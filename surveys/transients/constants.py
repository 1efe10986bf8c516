"""Constants of nature in Gaussian units (cgs), in which the literature of compact stars is."""

from __future__ import annotations

import math

from astropy import constants

C = float(constants.c.cgs.value)
G = float(constants.G.cgs.value)
BOLTZMANN = float(constants.k_B.cgs.value)
PLANCK = float(constants.hbar.cgs.value)
"""Over 2 pi."""
ELECTRON_MASS = float(constants.m_e.cgs.value)
ELECTRON_CHARGE = float(constants.e.gauss.value)
SUN_MASS = float(constants.M_sun.cgs.value)
SUN_RADIUS = float(constants.R_sun.cgs.value)
JUPITER_RADIUS = float(constants.R_jup.cgs.value)
KPC_CM = float(constants.kpc.cgs.value)
YEAR_S = 365.25 * 86400.0
JANSKY = 1e-23
"""erg s^-1 cm^-2 Hz^-1."""

REST_ENERGY = ELECTRON_MASS * C**2
QUANTUM_FIELD_G = ELECTRON_MASS**2 * C**3 / (PLANCK * ELECTRON_CHARGE)
"""Where the energy of a cyclotron quantum is the rest energy of the electron: 4.41e13 G."""
CYCLOTRON_HZ_G = ELECTRON_CHARGE / (2 * math.pi * ELECTRON_MASS * C)
"""Cyclotron frequency of an electron in a field of one gauss: 2.80 MHz."""
