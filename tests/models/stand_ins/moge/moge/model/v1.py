"""Stand-in for moge.model.v1: version 2's, whose constructor takes other things."""

from .v2 import MoGeModel as _Second


class MoGeModel(_Second):
    """The published class as far as it is called."""

    def __init__(self, encoder="dinov2_vitb14", intermediate_layers=4, dim_proj=512, **others):
        assert isinstance(encoder, str), "version 1 was given version 2's configuration"
        super().__init__(encoder, {})
