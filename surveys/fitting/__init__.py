"""Least squares of profiles, for visibilities and for images."""
