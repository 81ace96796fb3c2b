"""Published metric-depth models, to be compared with."""
