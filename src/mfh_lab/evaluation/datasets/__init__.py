"""Datasets as people have them on disk, one file each."""
