"""Stand-in for unik3d."""
