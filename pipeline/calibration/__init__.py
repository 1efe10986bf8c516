"""Gains of antennas: solved on known sources, kept in a file, taken out of visibilities."""
