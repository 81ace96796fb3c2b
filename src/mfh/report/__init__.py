"""The report: one HTML file in which a photo's depth is looked at, measured and fitted again."""
