"""Stand-in for moge.model.v3, which needs a refiner for its steps."""

from moge.model.v2 import MoGeModel as MoGeModelV2


class MoGeModel(MoGeModelV2):
    """The published class as far as it is called."""

    def __init__(self, encoder, neck, refiner=None, **others):
        super().__init__(encoder, neck, **others)
        self.refiner_settings = refiner

    def infer(self, image, num_tokens=None, resolution_level=9, force_projection=True, apply_mask=True, fov_x=None,
              refine_steps=3, return_per_step=False, use_fp16=False):  # fmt: skip
        if refine_steps > 0 and self.refiner_settings is None:
            raise ValueError("Refiner is not enabled but refine_steps > 0.")
        return super().infer(image, apply_mask=apply_mask, fov_x=fov_x, use_fp16=use_fp16)
