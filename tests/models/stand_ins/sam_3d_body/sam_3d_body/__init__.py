"""Stand-in for sam_3d_body: reads its checkpoint and backbone as published, and says what the checkpoint holds."""

import os

import numpy as np
import torch

__all__ = ["SAM3DBodyEstimator", "load_sam_3d_body"]


class _Node(dict):
    """Stand-in for a yacs configuration."""

    __getattr__ = dict.__getitem__


class _Model:
    def __init__(self, answers, device):
        self.device = torch.device(device)
        self.bodies, self.cams = answers["bodies"], answers["cams"]
        self.head_pose = _Node(faces=answers["faces"])


def load_sam_3d_body(checkpoint_path="", device="cuda", mhr_path=""):
    """Load as published: the settings beside the checkpoint, the backbone's code, and the checkpoint unrestricted."""
    print("Loading SAM 3D Body model...")
    assert os.path.isfile(mhr_path)
    settings = open(os.path.join(os.path.dirname(checkpoint_path), "model_config.yaml")).read()
    cfg = _Node(MODEL=_Node(DECODER=_Node(USE_INTRIN_CENTER="USE_INTRIN_CENTER: true" in settings)))
    torch.hub.load("facebookresearch/dinov3", "dinov3_vith16plus", source="github", pretrained=False, drop_path=0.1)
    checkpoint = torch.load(checkpoint_path, map_location="cpu", weights_only=False)
    return _Model(checkpoint["state_dict"], device), cfg


def crop_size(box):
    """Return the side of a box's crop: 1.25 times the box, grown to 3:4 and then to a square."""
    width, height = (float(box[2] - box[0]) * 1.25, float(box[3] - box[1]) * 1.25)
    return max(height, width / 0.75)


class SAM3DBodyEstimator:
    """The published class as far as it is called; person k of all asked gets the checkpoint's body and camera k."""

    def __init__(self, sam_3d_body_model, model_cfg, human_detector=None, human_segmentor=None, fov_estimator=None):
        self.model, self.cfg = sam_3d_body_model, model_cfg
        self.faces = self.model.head_pose.faces.cpu().numpy()
        self.asked, self.seen = 0, []

    @torch.no_grad()
    def process_one_image(
        self,
        img,
        bboxes=None,
        masks=None,
        cam_int=None,
        det_cat_id=0,
        bbox_thr=0.5,
        nms_thr=0.3,
        use_mask=False,
        inference_type="full",
    ):
        """Place bodies by the published formula, from the crop's weak-perspective camera (s, tx, ty)."""
        print("####### Please make sure the input image is in RGB format")
        assert isinstance(img, np.ndarray) and img.dtype == np.uint8 and inference_type == "body"
        assert cam_int.shape == (1, 3, 3)
        masks = masks.reshape(-1, *img.shape[:2], 1).astype(np.uint8)
        boxes = bboxes.reshape(-1, 4)
        assert len(masks) == len(boxes)
        self.seen.append((img.copy(), boxes.copy(), masks.copy()))
        intrinsics = cam_int[0].double().numpy()
        out = []
        for box in boxes:
            k = self.asked % len(self.model.bodies)
            self.asked += 1
            s, tx, ty = self.model.cams[k].double().tolist()
            bs = crop_size(box) * s + 1e-8
            centre = (box[:2] + box[2:]) / 2
            offset = 2 * (centre - intrinsics[:2, 2]) / bs
            out.append(
                {
                    "bbox": box,
                    "pred_vertices": self.model.bodies[k].numpy(),
                    "pred_cam_t": np.array([tx + offset[0], ty + offset[1], 2 * intrinsics[0, 0] / bs], np.float64),
                }
            )
        return out
