"""Measuring the method where the truth is known."""
