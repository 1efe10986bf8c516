"""Angular power spectra of anything that traces matter along the line of sight."""
