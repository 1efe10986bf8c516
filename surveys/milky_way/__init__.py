"""What the Milky Way adds to a dispersion measure."""
