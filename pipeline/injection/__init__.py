"""Pulses that the program puts into a recording, to measure what a search finds of them."""
