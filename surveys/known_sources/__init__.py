"""Known transients and pulsars: the catalog that ships, those of users, and checks of both."""
