"""Instruments, mock observations, coverage and rates."""
