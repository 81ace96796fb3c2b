"""One photo through the method, top to bottom (Sec. 3)."""
