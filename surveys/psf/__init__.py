"""Point spread functions: NIRCam's from its pupil, files, Gauss and Moffat, and their measures."""
