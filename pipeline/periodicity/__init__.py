"""Periods of light curves and of times of arrival."""
