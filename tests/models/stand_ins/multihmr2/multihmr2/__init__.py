"""Stand-in for multihmr2."""
