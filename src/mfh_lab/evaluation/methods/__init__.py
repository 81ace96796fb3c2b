"""What gives metric depth for a photo: this method, models that were trained on metres, and predictions on disk."""
