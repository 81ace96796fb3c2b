"""Stand-in for the package of a clone of TokenHMR, which is called lib."""
