"""The user study of App. D.2: a blind side-by-side page made from predictions, and the tally of its answers."""
