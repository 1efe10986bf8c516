"""Angular power spectra of surveys: their settings, files and tracers."""
