"""From people to metric samples: where metric depth is paired with relative depth."""
