"""Stand-in for moge."""
