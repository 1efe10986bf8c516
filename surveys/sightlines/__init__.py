"""The halos before a burst, and the budget of its dispersion measure."""
