"""Images from visibilities, on a grid that is fixed on the sky."""
