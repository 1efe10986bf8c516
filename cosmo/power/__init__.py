"""Power spectra of matter."""
