"""The kernels of the search."""
