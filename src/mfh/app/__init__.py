"""The HTTP server: photos in, depth out, as ``mfh predict`` and ``mfh refit`` give it."""
