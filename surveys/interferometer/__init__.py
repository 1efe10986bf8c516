"""What an interferometer makes of the sky: visibilities, noise, images and sizes."""
