"""Checks of a recording against what is known of the sky: fluxes, positions, noise."""
