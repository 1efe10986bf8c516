"""Groups of galaxies in redshift surveys."""
