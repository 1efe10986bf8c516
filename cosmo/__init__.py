"""Dispersion-measure budgets and angular power spectra."""
