"""Models of long-period radio transients, and what a survey that found none says about them."""
