"""Images of galaxies that mock observations look at: from files, from particles, made up."""
