"""Photos in, depth and receipts out: the only part of the package that touches files."""
