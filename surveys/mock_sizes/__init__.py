"""Sizes of samples of galaxies as instruments would measure them."""
