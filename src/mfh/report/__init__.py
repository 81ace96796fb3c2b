"""The report: one HTML file in which a photo's depth is seen, measured and fitted again."""
