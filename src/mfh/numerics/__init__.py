"""The method's numbers: paint masks, pseudo ground truth, alignment, losses and the metric head, in float64."""
