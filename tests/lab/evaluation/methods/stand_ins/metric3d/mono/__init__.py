"""Stand-in for mono, the package of Metric3D."""
