"""Cameras, rasterized bodies and masks on the pixel grid: pure functions on numpy arrays."""
