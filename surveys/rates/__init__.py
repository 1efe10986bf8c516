"""What a search that found k sources says of their rate and their number on the sky."""
