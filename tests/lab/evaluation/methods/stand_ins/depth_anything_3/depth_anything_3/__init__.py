"""Stand-in for depth_anything_3."""
