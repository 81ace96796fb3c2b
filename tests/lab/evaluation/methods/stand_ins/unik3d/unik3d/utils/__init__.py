"""Stand-in for unik3d.utils."""
