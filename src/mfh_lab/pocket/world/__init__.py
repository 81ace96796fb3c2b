"""Seeded scenes with people and exact metric depth."""
