"""Commands of the research package."""
