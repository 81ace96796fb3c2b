"""From metric samples to scale, shift and interval (Sec. 3.3)."""
