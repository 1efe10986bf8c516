"""Catalogs of galaxies, groups and clusters, as halos."""
