"""The research around mfh: evaluation, the paper, the pocket world."""
