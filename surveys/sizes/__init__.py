"""Sizes and shapes of galaxies in images."""
