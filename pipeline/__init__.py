"""Everything with a clock, a file, a socket or a screen."""
