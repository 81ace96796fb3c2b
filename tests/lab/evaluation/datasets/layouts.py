"""Writes one or two frames of each dataset exactly as people have them on disk; returns what went into the files."""

import importlib
import json

import numpy as np
from PIL import Image

KITTI_DRIVE = "2011_09_26_drive_0002_sync"
KITTI_P_RECT = "7.215377e+02 0 6.095593e+02 4.485728e+01 0 7.215377e+02 1.728540e+02 2.163791e-01 0 0 1 2.745884e-03"


def write_picture(path, size, *, grey=128):
    """A grey picture of (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey, grey, grey)).save(path)


def write_grey16(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint16)).save(path)


def write_npy(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def nyu_depth_mm():
    """2.5 m everywhere; a hole of 10x10 pixels inside the Eigen window, and 0.5 m in the blank border."""
    depth = np.full((480, 640), 2500)
    depth[100:110, 100:110] = 0
    depth[:7] = 500
    return depth


def nyu_photo():
    """White, black outside [7:474, 7:632], as BTS's script leaves it."""
    photo = np.zeros((480, 640, 3), np.uint8)
    photo[7:474, 7:632] = 255
    return photo


def write_nyu_bts(root, *, numbers=(0, 8), scene="kitchen"):
    folder = root / "nyu_depth_v2" / "official_splits" / "test" / scene
    for number in numbers:
        write_grey16(folder / f"sync_depth_{number:05d}.png", nyu_depth_mm())
        Image.fromarray(nyu_photo()).save(folder / f"rgb_{number:05d}.jpg", quality=95)
    return folder.parent


def write_nyu_marigold(root):
    folder = root / "test" / "kitchen_0004"
    write_grey16(folder / "depth_0001.png", nyu_depth_mm())
    write_grey16(folder / "filled_0001.png", np.full((480, 640), 9000))
    write_picture(folder / "rgb_0001.png", (640, 480))


def write_nyu_pair(root, *, kinds=("kitchen", "office", "kitchen"), test=(1, 3)):
    """The official pair: MATLAB's axes reversed, references to texts, its header first; ``test`` counts from 1."""
    h5py, savemat = importlib.import_module("h5py"), importlib.import_module("scipy.io").savemat
    path = root / "nyu_depth_v2_labeled.mat"
    raw_m = (nyu_depth_mm() / 1000 + 0.0007).astype(np.float32)
    raw_m[nyu_depth_mm() == 0] = 0
    with h5py.File(path, "w", userblock_size=512) as file:
        photos = np.stack([np.full((3, 640, 480), 40 * (k + 1), np.uint8) for k in range(len(kinds))])
        photos[:, 0, 320, 240] = 255
        file.create_dataset("images", data=photos, chunks=(1, 3, 640, 480), compression="gzip")
        depths = np.stack([raw_m.T + np.float32(k) * (raw_m.T > 0) for k in range(len(kinds))])
        file.create_dataset("rawDepths", data=depths, chunks=(1, 640, 480), compression="gzip")
        file["depths"] = np.full((len(kinds), 640, 480), 9, np.float32)
        cells = file.create_dataset("sceneTypes", (1, len(kinds)), dtype=h5py.ref_dtype)
        for k, kind in enumerate(kinds):
            file[f"#refs#/{k}"] = np.array([[ord(letter)] for letter in kind], np.uint16)
            cells[0, k] = file[f"#refs#/{k}"].ref
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(128))
    savemat(root / "splits.mat", {"testNdxs": np.array(test, np.uint16)[:, None], "trainNdxs": np.array([[2]])})
    return path


def write_kitti(
    root, *, size=(1242, 375), halves=None, calibration=True, list_name="kitti_eigen_test_files_with_gt.txt"
):
    """Two frames with truth; a third line without, whose photo is not there."""
    width, height = size
    date = root / "raw" / "2011_09_26"
    lines = []
    for k, number in enumerate((69, 54)):
        photo = f"{KITTI_DRIVE}/image_02/data/{number:010d}.png"
        truth = f"{KITTI_DRIVE}/proj_depth/groundtruth/image_02/{number:010d}.png"
        write_picture(date / photo, size)
        depth = np.zeros((height, width))
        depth[200:300:2] = 20 * 256
        # Below the Garg window of the whole frame, inside that of the benchmark crop, and the other way round.
        depth[height - 4] = 40 * 256
        depth[155] = 10 * 256
        below = root / "gts" if halves is None else root / "gts" / halves[k]
        write_grey16(below / truth, depth)
        lines.append(f"2011_09_26/{photo} {truth} 721.5377")
    lines.append(f"2011_09_26/{KITTI_DRIVE}/image_02/data/0000000075.png None 721.5377")
    if calibration:
        date.joinpath("calib_cam_to_cam.txt").write_text(
            f"calib_time: 09-Jan-2012 13:57:47\nS_rect_02: 1.242000e+03 3.750000e+02\nP_rect_02: {KITTI_P_RECT}\n"
        )
    root.joinpath(list_name).write_text("\n".join(lines) + "\n")


def write_diode(root, *, stems=("00019_00183_indoors_000_010",)):
    """2 m where valid; 8 m and marked as invalid in rows 100 to 199 of all columns."""
    folder = root / "diode" / "val" / "indoors" / "scene_00019" / "scan_00183"
    for stem in stems:
        write_picture(folder / f"{stem}.png", (1024, 768))
        depth = np.full((768, 1024, 1), 2.0, np.float32)
        valid = np.ones((768, 1024), np.float64)
        depth[100:200], valid[100:200] = 8.0, 0.0
        np.save(folder / f"{stem}_depth.npy", depth)
        np.save(folder / f"{stem}_depth_mask.npy", valid)
    return folder


def write_ibims1(root, *, names=("corridor_01", "kitchen_02")):
    """Code 6554 everywhere (5.0004 m); one pixel row invalid, the next one transparent, in different files."""
    folder = root / "ibims1_core_raw"
    for name in names:
        write_picture(folder / "rgb" / f"{name}.png", (640, 480))
        write_grey16(folder / "depth" / f"{name}.png", np.full((480, 640), 6554))
        for mask, row in (("mask_invalid", 100), ("mask_transp", 101)):
            kept = np.ones((480, 640), bool)
            kept[row] = False
            folder.joinpath(mask).mkdir(exist_ok=True)
            Image.fromarray(kept).save(folder / mask / f"{name}.png")
        folder.joinpath("calib").mkdir(exist_ok=True)
        folder.joinpath("calib", f"{name}.txt").write_text("559.9,560.1,312.8,246.5\n")
    folder.joinpath("imagelist.txt").write_text("\n".join(names) + "\n")
    return folder


def write_ibims1_mat(root, *, names=("corridor_01", "kitchen_02"), listed=True, **changes):
    """One struct a photo, with the numbers of :func:`write_ibims1`; the camera's matrix as MATLAB has it."""
    savemat = importlib.import_module("scipy.io").savemat
    folder = root / "ibims1_core_mat"
    folder.mkdir(parents=True)
    for name in names:
        invalid, transparent = np.ones((480, 640), np.uint8), np.ones((480, 640), np.uint8)
        invalid[100], transparent[101] = 0, 0
        record = {
            "rgb": np.full((480, 640, 3), 128, np.uint8),
            "depth": np.full((480, 640), 6554 * 50 / 65535),
            "edges": np.zeros((480, 640), np.uint8),
            "mask_invalid": invalid,
            "mask_transp": transparent,
            "calib": np.array([[559.9, 0, 0], [0, 560.1, 0], [312.8, 246.5, 1]]),
            **changes,
        }
        savemat(folder / f"{name}.mat", {"data": record})
    if listed:
        root.joinpath("imagelist.txt").write_text("\n".join(names) + "\n")
    return folder


def write_eth3d(root, *, size=(756, 504), listed=True, scenes=("office",)):
    """3 m in the upper half, +inf in the lower; columns 0 to 9 marked by the official mask, 5 to 9 as not evaluated."""
    width, height = size
    lines = []
    for scene in scenes:
        photo = f"rgb/{scene}/images/dslr_images/DSC_0219.JPG"
        truth = f"depth/{scene}_dslr_depth/{scene}/ground_truth_depth/dslr_images/DSC_0219.JPG"
        write_picture(root / photo, size)
        depth = np.full((height, width), 3.0, "<f4")
        depth[height // 2 :] = np.inf
        root.joinpath(truth).parent.mkdir(parents=True)
        depth.tofile(root / truth)
        mask = np.zeros((height, width), np.uint8)
        mask[:, :5], mask[:, 5:10] = 1, 2
        at = root / "rgb" / scene / "masks_for_images" / "dslr_images" / "DSC_0219.png"
        at.parent.mkdir(parents=True)
        Image.fromarray(mask).save(at)
        calibration = root / "rgb" / scene / "dslr_calibration_jpg"
        calibration.mkdir()
        calibration.joinpath("cameras.txt").write_text(
            "# Camera list with one line of data per camera:\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"
            "# Number of cameras: 2\n0 PINHOLE 6048 4032 1 1 1 1\n"
            "1 THIN_PRISM_FISHEYE 6048 4032 3408.35 3408.8 3033.92 2019.32 0.2 0.2 0.1 0.1 -0.2 0.4 0.1 0.1\n"
        )
        calibration.joinpath("images.txt").write_text(
            "# Image list with two lines of data per image:\n"
            "7 0.7 0.1 0.1 0.7 1.5 0.2 3.1 0 dslr_images/DSC_0218.JPG\n1.5 2.5 -1 3.5 4.5 17 5.5 6.5 -1\n"
            "8 0.7 0.1 0.1 0.7 1.5 0.2 3.1 1 dslr_images/DSC_0219.JPG\n\n"
        )
        lines.append(f"{photo} {truth}")
    if listed:
        root.joinpath("eth3d_filename_list.txt").write_text("\n".join(lines) + "\n")


def write_folder(root, name="garden", *, size=(96, 64), depth="depth.npy", metres=None):
    width, height = size
    folder = root / name
    write_picture(folder / "rgb.png", size)
    metres = np.full((height, width), 4.0, np.float32) if metres is None else metres
    if depth == "depth.npy":
        np.save(folder / depth, metres)
    elif depth == "depth.npz":
        np.savez(folder / depth, depth_m=metres, valid_mask=metres > 0)
    else:
        write_grey16(folder / depth, np.round(metres * 1000))
    folder.joinpath("intrinsics.json").write_text(json.dumps({"fx": 90.0, "fy": 91.0, "cx": 47.0, "cy": 31.0}))
    return folder


def write_pocket(root, *, seeds=(3,)):
    camera = {"fx": 40.0, "fy": 40.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48, "height_m": 1.5}
    for seed in seeds:
        folder = root / f"scene-{seed:08d}"
        write_picture(folder / "rgb.png", (64, 48))
        depth = np.full((48, 64), 6.0, np.float32)
        depth[:8] = 0
        np.savez_compressed(folder / "depth.npz", depth_m=depth)
        folder.joinpath("scene.json").write_text(
            json.dumps({"format": 1, "seed": seed, "kind": "room", "camera": camera})
        )
