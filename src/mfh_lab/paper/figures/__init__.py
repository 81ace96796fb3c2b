"""Figures of the paper, drawn from predictions and scores on disk."""
