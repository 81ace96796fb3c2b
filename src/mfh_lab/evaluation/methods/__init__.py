"""Methods of metric depth: this one, models that were trained on metric depth, and predictions on disk."""
