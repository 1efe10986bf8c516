"""What was searched: pointings, exposure maps, completeness, visits."""
