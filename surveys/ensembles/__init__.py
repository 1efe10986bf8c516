"""Many bursts in one likelihood."""
