"""Real or bogus: the probability that a candidate is a pulse of a point source."""
