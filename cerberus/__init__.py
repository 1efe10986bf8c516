"""The search engine: pure functions on arrays, state in, state out."""
