"""Facts about instruments."""
