"""Mock observations of images of the sky."""
