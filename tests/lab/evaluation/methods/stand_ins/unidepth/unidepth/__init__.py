"""Stand-in for unidepth."""
