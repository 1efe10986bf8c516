"""What is interference: statistics of fixed frames of a recording, and what they flag."""
