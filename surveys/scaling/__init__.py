"""How sizes of galaxies go with luminosity, redshift and wavelength, and with how they are seen."""
