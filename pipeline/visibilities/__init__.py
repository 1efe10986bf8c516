"""Readers of visibilities; :mod:`pipeline.imaging` makes recordings of images of them."""
