"""The body bank: posed, clothed Anny people of a realistic stature distribution.

Built once by ``python -m mfh_lab.pocket.world.bodies`` (needs the ``train`` extra: ``anny`` takes a minute to start and
is never imported in a user's path). Bodies are split into train, validation and test; no body is shared between splits.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfh.io.reading import check_file, read_npz, reading
from mfh.weights import EMBEDDED

POSES = ("stand", "walk", "sit", "gesture", "reach", "crouch")
SPLITS = ("train", "validation", "test")
_POSE_PROBABILITY = (0.36, 0.26, 0.16, 0.13, 0.05, 0.04)
_GARMENTS = ("body", "tights", "skirt", "hair")
_CHILD_SHARE = 0.1
_ARRAYS = ("vertices_m", "rest", "stature_m", "female", "pose", "split")
_EXPECTED = "bodies.npz of 'python -m mfh_lab.pocket.world.bodies --out bodies.npz'"
_MAX_BYTES = 4 << 30
"""Of a whole bank, which has 0.1 MB a body."""
# Adult stature, mean and standard deviation in metres (pooled high-income-country surveys).
_STATURE_M = {"male": (1.755, 0.070), "female": (1.625, 0.065)}


@dataclass(frozen=True)
class BodyBank:
    """Posed bodies that share one topology.

    Attributes:
        vertices_m: (n, v, 3) metres, z up, feet (or the lowest point) on z = 0, centred in x and y, facing -y.
        rest: (v, 3) one body at rest, scaled to height 1: where on the body a vertex lies (for clothing colours).
        faces: garment name -> (f, 3) vertex indices; ``body`` is closed, the others are shells over it.
        stature_m: (n,) standing height.
        female: (n,) bool.
        pose: (n,) index into ``POSES``.
        split: (n,) index into ``SPLITS``.
    """

    vertices_m: NDArray[np.floating]
    rest: NDArray[np.float32]
    faces: dict[str, NDArray[np.int32]]
    stature_m: NDArray[np.float32]
    female: NDArray[np.bool_]
    pose: NDArray[np.int8]
    split: NDArray[np.int8]

    def indices(self, split: str, *, poses: tuple[str, ...] = POSES) -> NDArray[np.intp]:
        """Return the indices of the bodies of one split in one of the given poses."""
        wanted = [POSES.index(p) for p in poses]
        return np.flatnonzero((self.split == SPLITS.index(split)) & np.isin(self.pose, wanted))

    def subset(self, indices: NDArray[np.intp]) -> "BodyBank":
        """Return a bank of the chosen bodies only."""
        return BodyBank(
            self.vertices_m[indices],
            self.rest,
            self.faces,
            self.stature_m[indices],
            self.female[indices],
            self.pose[indices],
            self.split[indices],
        )

    def save(self, path: Path) -> None:
        """Write the bank as one compressed npz."""
        faces: dict[str, Any] = {f"faces_{k}": v for k, v in self.faces.items()}
        np.savez_compressed(
            path,
            vertices_m=self.vertices_m,
            rest=self.rest,
            stature_m=self.stature_m,
            female=self.female,
            pose=self.pose,
            split=self.split,
            **faces,
        )


def sample_bank_path() -> Path:
    """Return the file of ten test-split bodies that ships with the package (the whole bank is built when needed)."""
    return EMBEDDED / "bodies_test.npz"


def load_bank(path: Path) -> BodyBank:
    """Read a bank written by :meth:`BodyBank.save`.

    Raises:
        InputError: for a bank that has not been built, naming the command that builds it, or a file of something else.
    """
    arrays = read_npz(path, what="body bank", expected=_EXPECTED, max_bytes=_MAX_BYTES)
    with reading(path, what="body bank", expected=_EXPECTED):
        faces = {name.removeprefix("faces_"): arrays.pop(name) for name in list(arrays) if name.startswith("faces_")}
        bank = BodyBank(faces=faces, **{name: arrays[name] for name in _ARRAYS})
        _check_bank(bank)
        return bank


def bank_digest(path: Path) -> str:
    """Return a digest of a bank's file.

    Args:
        path: the file.

    Raises:
        InputError: where it cannot be read.
    """
    check_file(path, what="body bank", expected=_EXPECTED)
    with reading(path, what="body bank", expected=_EXPECTED), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _check_bank(bank: BodyBank) -> None:
    """Refuse a bank that compiled code would read beyond its ends.

    Raises:
        ValueError: saying what is wrong.
    """
    bodies, vertices = bank.vertices_m.shape[:2]
    shapes = {
        "vertices_m": (bank.vertices_m, "f", (bodies, vertices, 3)),
        "rest": (bank.rest, "f", (vertices, 3)),
        "stature_m": (bank.stature_m, "f", (bodies,)),
        "female": (bank.female, "b", (bodies,)),
        "pose": (bank.pose, "iu", (bodies,)),
        "split": (bank.split, "iu", (bodies,)),
        **{f"faces_{name}": (faces, "iu", (len(faces), 3)) for name, faces in bank.faces.items()},
    }
    for name, (array, kinds, shape) in shapes.items():
        if array.dtype.kind not in kinds or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    if set(bank.faces) != set(_GARMENTS):
        raise ValueError(f"its garments are {', '.join(bank.faces) or 'none'}")
    numbers = {"pose": len(POSES), "split": len(SPLITS), **{f"faces_{name}": vertices for name in bank.faces}}
    for name, count in numbers.items():
        array = shapes[name][0]
        if array.size and not (array.min() >= 0 and array.max() < count):
            raise ValueError(f"{name} names {int(array.min())} to {int(array.max())} of {count}")
    if not (np.isfinite(bank.vertices_m).all() and np.isfinite(bank.rest).all() and (bank.stature_m > 0).all()):
        raise ValueError("it has numbers that are not finite and positive")


def _rotation(axis: str, deg: float) -> NDArray[np.float64]:
    c, s = np.cos(np.deg2rad(deg)), np.sin(np.deg2rad(deg))
    matrices = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(matrices[axis])


def _draw_pose(rng: np.random.Generator, kind: str, bones: list[str]) -> NDArray[np.float64]:
    """Return (bones, 4, 4) local rotations for one drawn pose."""
    index = {b: i for i, b in enumerate(bones)}
    pose = np.tile(np.eye(4), (len(bones), 1, 1))

    def turn(bone: str, axis: str, deg: float) -> None:
        i = index[bone]
        pose[i, :3, :3] = _rotation(axis, deg) @ pose[i, :3, :3]

    def both(bone: str, axis: str, deg: float, *, mirrored: bool = False) -> None:
        turn(f"{bone}.L", axis, deg)
        turn(f"{bone}.R", axis, -deg if mirrored else deg)

    both("upperarm01", "y", rng.uniform(33, 48), mirrored=True)
    for side in "LR":
        turn(f"lowerarm01.{side}", "x", -abs(rng.normal(0, 14)))
    turn("head", "z", rng.normal(0, 18))
    turn("head", "x", rng.normal(0, 7))
    turn("spine03", "z", rng.normal(0, 7))
    if kind == "walk":
        stride = rng.uniform(12, 28) * rng.choice([-1, 1])
        for side, a in (("L", stride), ("R", -stride)):
            turn(f"upperleg01.{side}", "x", -a)
            turn(f"lowerleg01.{side}", "x", max(0.0, -a) * 0.8 + 5)
            turn(f"upperarm01.{side}", "x", a * 0.8)
    elif kind == "sit":
        hip = rng.uniform(80, 95)
        for side in "LR":
            turn(f"upperleg01.{side}", "x", -hip)
            turn(f"lowerleg01.{side}", "x", hip + rng.normal(0, 7))
        both("upperarm01", "x", -rng.uniform(10, 40))
        both("lowerarm01", "x", -rng.uniform(25, 60))
    elif kind == "gesture":
        side = rng.choice(["L", "R"])
        turn(f"upperarm01.{side}", "x", -rng.uniform(20, 80))
        turn(f"lowerarm01.{side}", "x", -rng.uniform(30, 100))
    elif kind == "reach":
        both("upperarm01", "x", -rng.uniform(40, 110))
        both("lowerarm01", "x", -rng.uniform(0, 40))
        turn("spine03", "x", rng.uniform(0, 20))
    elif kind == "crouch":
        hip = rng.uniform(60, 110)
        for side in "LR":
            turn(f"upperleg01.{side}", "x", -hip)
            turn(f"lowerleg01.{side}", "x", hip + rng.uniform(0, 30))
        turn("spine03", "x", rng.uniform(5, 25))
        both("upperarm01", "x", -rng.uniform(20, 60))
    else:
        both("upperleg01", "y", -abs(rng.normal(0, 3)), mirrored=True)
    return pose


def _draw_phenotypes(rng: np.random.Generator, n: int) -> dict[str, NDArray[np.float64]]:
    """Draw Anny phenotypes and the stature (metres) each body shall have."""
    female = rng.random(n) < 0.5
    child = rng.random(n) < _CHILD_SHARE
    mean = np.where(female, _STATURE_M["female"][0], _STATURE_M["male"][0])
    sigma_m = np.where(female, _STATURE_M["female"][1], _STATURE_M["male"][1])
    adult_m = rng.normal(mean, sigma_m)
    child_m = rng.uniform(1.05, 1.5, n)
    return {
        "female": female.astype(float),
        "stature_m": np.where(child, child_m, adult_m),
        "gender": np.where(female, 0.95, 0.05),
        "age": np.where(child, 0.36 + (child_m - 1.05) * 0.25, rng.uniform(0.6, 0.9, n)),
        "muscle": rng.uniform(0.3, 0.75, n),
        "weight": rng.uniform(0.25, 0.85, n),
        "proportions": rng.uniform(0.3, 0.9, n),
    }


def build_bank(n: int, *, seed: int = 0, batch: int = 20) -> BodyBank:
    """Pose ``n`` bodies: 75 % train, 8 % validation, the rest test.

    The stature phenotype is found by bisection so that the *standing* height is the one drawn.

    Args:
        n: number of bodies.
        seed: the bank is a function of the seed.
        batch: bodies per forward pass of Anny.
    """
    import anny  # takes a minute to import and build: only here
    import torch
    from anny.paths import get_anny_root_dir

    rng = np.random.default_rng(seed)
    model = anny.Anny(topology="makehuman-full")
    faces = _garment_faces(
        get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj", [int(i) for i in model.base_mesh_vertex_indices]
    )
    kept, faces = _compact(faces)
    on_body = np.unique(faces["body"])
    bones = list(model.bone_labels)
    identity = torch.eye(4, dtype=torch.float64).expand(batch, len(bones), 4, 4)

    def forward(poses, phenotypes: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        kwargs = {k: torch.tensor(v, dtype=torch.float64) for k, v in phenotypes.items()}
        with torch.no_grad():
            out = model(pose_parameters=poses, phenotype_kwargs=kwargs)
        return out["vertices"].numpy()[:, kept]

    vertices, stature, female, pose_ids = [], [], [], []
    rest = np.zeros((len(kept), 3), np.float32)
    for _ in range(-(-n // batch)):
        drawn = _draw_phenotypes(rng, batch)
        phenotypes = {k: drawn[k] for k in ("gender", "age", "muscle", "weight", "proportions")}
        low, high = np.zeros(batch), np.ones(batch)
        neutral = height = np.zeros(0)
        for _ in range(7):
            phenotypes["height"] = (low + high) / 2
            neutral = forward(identity, phenotypes)
            height = np.ptp(neutral[:, on_body, 2], axis=1)
            low = np.where(height < drawn["stature_m"], phenotypes["height"], low)
            high = np.where(height < drawn["stature_m"], high, phenotypes["height"])
        kinds = rng.choice(len(POSES), batch, p=_POSE_PROBABILITY)
        poses = torch.tensor(np.stack([_draw_pose(rng, POSES[k], bones) for k in kinds]))
        posed = forward(poses, phenotypes)
        posed[..., 2] -= posed[:, on_body, 2].min(1, keepdims=True)
        posed[..., :2] -= posed[:, on_body, :2].mean(1, keepdims=True)
        vertices.append(posed.astype(np.float16))
        stature.append(height)
        female.append(drawn["female"])
        pose_ids.append(kinds)
        rest = neutral[0].astype(np.float32)
    rest[:, 2] -= rest[on_body, 2].min()
    rest /= np.ptp(rest[on_body, 2])
    rank = np.arange(n) / n
    return BodyBank(
        np.concatenate(vertices)[:n],
        rest,
        faces,
        np.concatenate(stature)[:n].astype(np.float32),
        np.concatenate(female)[:n] > 0.5,
        np.concatenate(pose_ids)[:n].astype(np.int8),
        np.digitize(rank, (0.75, 0.83)).astype(np.int8),
    )


def _garment_faces(obj: Path, base_vertices: list[int]) -> dict[str, NDArray[np.int32]]:
    """Read the body and the CC0 helper shells (tights, skirt, hair) of MakeHuman's base mesh as triangles."""
    index = {v: i for i, v in enumerate(base_vertices)}
    triangles: dict[str, list[tuple[int, int, int]]] = {}
    group = ""
    for line in obj.read_text().splitlines():
        if line.startswith("g "):
            group = line.split()[1].removeprefix("helper-")
        elif line.startswith("f ") and group in _GARMENTS:
            corners = [index[int(c.split("/")[0]) - 1] for c in line.split()[1:]]
            for k in range(1, len(corners) - 1):
                triangles.setdefault(group, []).append((corners[0], corners[k], corners[k + 1]))
    return {g: np.array(t, np.int32) for g, t in triangles.items()}


def _compact(faces: dict[str, NDArray[np.int32]]) -> tuple[NDArray[np.int32], dict[str, NDArray[np.int32]]]:
    """Drop vertices that no face uses; return the kept vertex indices and the renumbered faces."""
    kept = np.unique(np.concatenate([f.ravel() for f in faces.values()]))
    return kept, {g: np.searchsorted(kept, f).astype(np.int32) for g, f in faces.items()}


def main() -> None:
    """Build the bank and write it."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=360)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=Path, help="also write ten test bodies here (the file in the package)")
    args = parser.parse_args()
    bank = build_bank(args.count, seed=args.seed)
    if args.sample:
        few = {"stand": 3, "walk": 3, "sit": 2, "gesture": 2}
        bank.subset(np.concatenate([bank.indices("test", poses=(p,))[:n] for p, n in few.items()])).save(args.sample)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    bank.save(args.out)
    print(f"{len(bank.stature_m)} bodies, {bank.vertices_m.shape[1]} vertices, {args.out.stat().st_size / 1e6:.1f} MB")
    adult = bank.stature_m > 1.5
    for name, chosen in (("women", adult & bank.female), ("men", adult & ~bank.female)):
        print(f"  {name}: stature {bank.stature_m[chosen].mean():.3f} ± {bank.stature_m[chosen].std():.3f} m")


if __name__ == "__main__":
    main()
