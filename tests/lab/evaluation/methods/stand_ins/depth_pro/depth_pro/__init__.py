"""Stand-in for depth_pro."""

from .depth_pro import create_model_and_transforms

__all__ = ["create_model_and_transforms"]
