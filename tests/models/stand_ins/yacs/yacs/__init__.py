"""Stand-in for yacs."""
