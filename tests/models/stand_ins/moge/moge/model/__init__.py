"""Stand-in for moge.model."""
