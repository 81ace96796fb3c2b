"""Pictures of a result, with pillow and opencv alone."""

from mfh.viz.drawing import bar_ticks_m, colour_depth, depth_limits_m
from mfh.viz.result import preview
from mfh.viz.strip import painting_strip

__all__ = ["bar_ticks_m", "colour_depth", "depth_limits_m", "painting_strip", "preview"]
