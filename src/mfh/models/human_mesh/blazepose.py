"""BlazePose GHUM under LiteRT: people with masks, metric landmarks and bodies; offline, on any CPU."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.human_mesh.body_mesh import body_mesh
from mfh.models.human_mesh.body_translation import (
    CHILD_NEAR_LOG,
    CHILD_SHARE,
    Placement,
    facing_factor,
    log_depth_sigma,
    place_body,
    stature_from_joints,
)
from mfh.models.human_mesh.pose_boxes import (
    CONFIRMED,
    confirmed,
    crop_of_box,
    is_likely,
    is_upright,
    reads_box,
    roi_of_box,
    searched_boxes,
    unexplained,
)
from mfh.models.human_mesh.pose_crowd import (
    PersonCandidate,
    blurred,
    instance_masks,
    matches_detection,
    person_candidate,
    read_alone,
    without_duplicates,
)
from mfh.models.human_mesh.pose_detector import (
    Crop,
    Detection,
    crop_around,
    detect_people,
    merge_duplicates,
    search_crops,
)
from mfh.models.human_mesh.pose_landmarks import (
    PoseReading,
    Roi,
    crop_tensor,
    read_pose,
    roi_around,
    roi_box,
    spread_over_photo,
)
from mfh.models.protocols import PersonBoxes, RegionOfAnySize, Rgb, RgbOfAnySize
from mfh.models.segmentation.regions import MIN_IN_REGION, in_whole_photo, mask_box
from mfh.models.sessions import TfliteNetwork
from mfh.types import Camera, HumanMesh, Person, PoseLandmarks
from mfh.weights import store as weights

LONG_SIDE_PX = 1280
"""Larger photos are downsampled to this side, at which the smallest detectable person is 60 pixels tall."""
MIN_CROP_PX = 96
"""Smallest width of a search crop: enlarging a smaller one adds no detail."""
MIN_DETECTION = 0.5
"""Smallest detector confidence of a candidate (the reference graph's value)."""
MIN_PRESENCE = 0.5
"""Smallest presence of a person according to the landmark network (the reference graph's value)."""
CROWDED_DETECTION = 0.8
"""A candidate of this confidence is read again without its neighbours before its presence is tested."""
REGION_MARGINS = (0.08, 0.3)
"""Margins of the detector's crop around a region, as fractions of its longer side; the second where the first fails."""
REGION_VIEW = 0.6
"""Margin of the view around a region: landmark crops extend beyond the detector's."""
REGION_REACH = 0.05
"""Margin around a region, as a fraction of its longer side, that is not blurred."""
MAX_IN_REGION = 3
"""Largest number of candidates read in a region."""
MIN_MASK_PX = 20
"""Smallest mask of a person, in pixels at the size of the search."""


class BlazePose:
    """Person segmenter and human mesh model; results depend on the photo alone.

    A person's ``score`` is the detector's confidence times the fraction of the person's mask that a second network
    (selfie segmentation) also classifies as person. On real photos people score above 0.5, false detections below.
    """

    name = "blazepose"
    # One false detection can scale a city to the size of a room (observed at 0.58); few people score less.
    min_score = 0.6
    # Stature is the population mean; docs/results/people.md has the measurements.
    shared_log_sigma = 0.05
    searches_boxes = True

    def __init__(self) -> None:
        """Load the three networks.

        Raises:
            WeightsError: when their files have not been fetched.
        """
        folder = weights.require("blazepose")
        self._detector = TfliteNetwork(folder / "pose_detection.tflite")
        self._landmarks = TfliteNetwork(folder / "pose_landmark_full.tflite")
        self._segmenter = TfliteNetwork(folder / "selfie_segmentation.tflite")

    def segment(
        self,
        photos: Sequence[RgbOfAnySize],
        regions: Sequence[RegionOfAnySize | None] | None = None,
        boxes: Sequence[PersonBoxes | None] | None = None,
    ) -> list[list[Person]]:
        """Find the people of each photo, most confident first, with disjoint masks.

        Where a photo has a region, only people in it are searched for, with one run of the detector, or two where the
        first finds no person. Where it has another detector's person boxes, the whole photo and each box are searched
        in place of overlapping crops.
        """
        regions = [None] * len(photos) if regions is None else regions
        boxes = [None] * len(photos) if boxes is None else boxes
        return [
            self._find(photo, those) if region is None else self._find_in(photo, region)
            for photo, region, those in zip(photos, regions, boxes, strict=True)
        ]

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one closed body per person, in metres in the camera frame.

        The landmarks of people found by another model are read from crops around their boxes.
        """
        bodies: list[HumanMesh | None] = []
        for person in people:
            pose = person.pose or _pose(self._read(photo, roi_of_box(person.box_xyxy)), np.ones(2))
            placement = place_body(pose, camera)
            bodies.append(None if placement is None else _mesh(pose, placement))
        return bodies

    def _find(self, photo: Rgb, boxes: PersonBoxes | None) -> list[Person]:
        rgb = _searchable(photo)
        if boxes is None:
            people = self._read_people(rgb, self._detect(rgb))
        else:
            people = self._find_around(rgb, searched_boxes(boxes, rgb.shape[:2], rgb.shape[1] / photo.shape[1]))
        return _people_of_photo(people, rgb.shape[:2], photo.shape[:2])

    def _find_around(self, rgb: Rgb, boxes: Sequence[Float[ndarray, "4"]]) -> list[PersonCandidate]:
        """Find people with one run of the detector on the photo, and up to two on each box not accounted for."""
        shape = rgb.shape[:2]
        tight, wide = REGION_MARGINS
        crops = [Crop(0, 0, shape[1], shape[0]), *(crop_of_box(box, shape, margin=tight) for box in boxes)]
        detections = detect_people(rgb, self._run_detector, crops, min_score=MIN_DETECTION)
        missed = [crop_of_box(boxes[k], shape, margin=wide) for k in unexplained(boxes, detections)]
        more = detect_people(rgb, self._run_detector, missed, min_score=MIN_DETECTION)
        detections = merge_duplicates(sorted([*detections, *more], key=lambda one: -one.score))
        people = self._read_people(rgb, [confirmed(one, boxes) for one in detections if is_likely(one, boxes)])
        for box in boxes:
            if is_upright(box) and not any(reads_box(box, one.reading) for one in people):
                people = without_duplicates(people + self._read_box(rgb, box, people), shape)
        return people

    def _read_box(self, rgb: Rgb, box: Float[ndarray, "4"], people: Sequence[PersonCandidate]) -> list[PersonCandidate]:
        """Read the person of a box that the pose detector misses, with the people known so far blurred."""
        first = self._read_in_box(rgb, box, roi_of_box(box), people)
        second = None if first is None else self._read_in_box(rgb, box, first.next_roi, people)
        return [] if second is None else [self._candidate(rgb, CONFIRMED, second)]

    def _read_in_box(
        self, rgb: Rgb, box: Float[ndarray, "4"], roi: Roi, people: Sequence[PersonCandidate]
    ) -> PoseReading | None:
        reading = read_alone(rgb, roi, people, self._run_landmarks, person=None)
        if reading is None or reading.presence < MIN_PRESENCE or not reads_box(box, reading):
            return None
        return reading

    def _find_in(self, photo: Rgb, region: Bool[ndarray, "h w"]) -> list[Person]:
        """Find the people most of whose pixels lie in a region."""
        window = crop_around(region, margin=REGION_VIEW)
        if window is None:
            return []
        inside = np.s_[window.top : window.top + window.height, window.left : window.left + window.width]
        view, region_view = photo[inside], region[inside]
        rgb = _searchable(view)
        small_region = _resized_mask(region_view, rgb.shape[:2])
        # Where the first run finds no person, the second has a larger margin and no blur.
        for margin, picture in zip(REGION_MARGINS, (_alone(rgb, small_region), rgb), strict=True):
            crop = crop_around(small_region, margin=margin)
            crops = [] if crop is None else [crop]
            detections = detect_people(picture, self._run_detector, crops, min_score=MIN_DETECTION)[:MAX_IN_REGION]
            people = _people_of_photo(self._read_few(picture, detections), picture.shape[:2], view.shape[:2])
            there = [one for one in people if _share_inside(one.instance_mask, region_view) >= MIN_IN_REGION]
            if there:
                return [in_whole_photo(person, window.left, window.top, photo.shape[:2]) for person in there]
        return []

    def _detect(self, rgb: Rgb) -> list[Detection]:
        crops = search_crops(rgb.shape[1], rgb.shape[0], min_side_px=MIN_CROP_PX)
        return detect_people(rgb, self._run_detector, crops, min_score=MIN_DETECTION)

    def _read_people(self, rgb: Rgb, detections: Sequence[Detection]) -> list[PersonCandidate]:
        """Read every candidate, remove duplicates and false detections, and read the rest again without the others."""
        shape = rgb.shape[:2]
        candidates: list[PersonCandidate] = []
        lost: list[Detection] = []
        for detection in detections:
            # The second crop is centred on the person of the first reading, which in a crowd may be a neighbour.
            first = self._read(rgb, roi_around(*detection.points_px[:2]))
            own = [one for one in (first, self._read(rgb, first.next_roi)) if matches_detection(detection, one)]
            candidates += [self._candidate(rgb, detection.score, one) for one in own if _may_be(detection, one)]
            if not own:
                lost.append(detection)
        people = without_duplicates(candidates, shape)
        for detection in lost:
            # With the known people blurred, the network finds the detected person.
            reading = read_alone(rgb, roi_around(*detection.points_px[:2]), people, self._run_landmarks, person=None)
            if reading is not None and matches_detection(detection, reading) and _may_be(detection, reading):
                candidates.append(self._candidate(rgb, detection.score, reading))
        return self._read_again(rgb, without_duplicates(candidates, shape))

    def _read_few(self, rgb: Rgb, detections: Sequence[Detection]) -> list[PersonCandidate]:
        """Read the candidates of a region twice each, and a third time without the others where there are any."""
        people = without_duplicates(self._read_twice(rgb, detections), rgb.shape[:2])
        return people if len(people) < 2 else self._read_again(rgb, people)

    def _read_twice(self, rgb: Rgb, detections: Sequence[Detection]) -> list[PersonCandidate]:
        candidates = []
        for detection in detections:
            first = self._read(rgb, roi_around(*detection.points_px[:2]))
            second = self._read(rgb, first.next_roi)
            reading = second if matches_detection(detection, second) else first
            if matches_detection(detection, reading) and reading.presence >= MIN_PRESENCE:
                candidates.append(self._candidate(rgb, detection.score, reading))
        return candidates

    def _read_again(self, rgb: Rgb, people: Sequence[PersonCandidate]) -> list[PersonCandidate]:
        """Read each person again with all others blurred."""
        alone = []
        for one in people:
            others = [other for other in people if other is not one]
            reading = read_alone(rgb, one.reading.next_roi, others, self._run_landmarks, person=one)
            if reading is not None and reading.presence >= MIN_PRESENCE:
                alone.append(self._candidate(rgb, one.detection_score, reading))
        return without_duplicates(alone, rgb.shape[:2])

    def _candidate(self, rgb: Rgb, detection_score: float, reading: PoseReading) -> PersonCandidate:
        """Return a candidate, with the fraction of its mask that the second network classifies as person.

        That network's crop is upright like the photo, not rotated with the reading: bottles and lamps that resemble a
        person when rotated do not when upright.
        """
        upright = replace(reading.roi, turn=0.0)
        person = self._segmenter(crop_tensor(rgb, upright))[0][0, ..., 0]
        box = roi_box(reading.roi, rgb.shape[:2])
        if box[0] >= box[2] or box[1] >= box[3]:
            return person_candidate(detection_score, 0.0, reading)
        inside = spread_over_photo(reading.mask_logit, reading.roi, box) > 0
        person_probability = spread_over_photo(person, upright, box)[inside]
        agreement = float(np.clip(person_probability, 0, 1).mean()) if inside.any() else 0.0
        return person_candidate(detection_score, agreement, reading)

    def _read(self, rgb: Rgb, roi: Roi) -> PoseReading:
        return read_pose(rgb, roi, self._run_landmarks)

    def _run_detector(self, tensor: Float[ndarray, "1 224 224 3"]) -> tuple[ndarray, ndarray]:
        boxes, scores = self._detector(tensor)
        return boxes[0], scores[0, :, 0]

    def _run_landmarks(self, tensor: Float[ndarray, "1 256 256 3"]) -> tuple[ndarray, float, ndarray, ndarray, ndarray]:
        points, presence, mask, heatmap, world = self._landmarks(tensor)
        return points[0], float(presence[0, 0]), mask[0, ..., 0], heatmap[0], world[0]


def _searchable(photo: Rgb) -> Float[ndarray, "a b 3"]:
    """Return a photo at the size of the search."""
    height, width = photo.shape[:2]
    ratio = min(1.0, LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    rgb = photo if ratio == 1.0 else cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(rgb, np.float32)


def _people_of_photo(
    people: Sequence[PersonCandidate], searched: tuple[int, int], shape: tuple[int, int]
) -> list[Person]:
    """Return candidates, read at one size (height, width), as people of the photo at its own size."""
    found = []
    for one, small_mask in zip(people, instance_masks(people, searched), strict=True):
        instance_mask = _resized_mask(small_mask, shape)
        box = mask_box(instance_mask)
        if box is not None and small_mask.sum() >= MIN_MASK_PX:
            pose = _pose(one.reading, np.array([shape[1] / searched[1], shape[0] / searched[0]]))
            found.append(Person(box, instance_mask, one.score, pose))
    return sorted(found, key=lambda person: -person.score)


def _alone(rgb: Rgb, region: Bool[ndarray, "h w"]) -> Rgb:
    """Blur the photo outside a region: a neighbour in the landmark crop makes a person up to 12 % nearer."""
    crop = crop_around(region, margin=0.0)
    if crop is None:
        return rgb
    size_px = max(crop.width, crop.height)
    reach = 2 * round(REGION_REACH * size_px) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return blurred(rgb, cv2.dilate(region.astype(np.uint8), disc) == 0, 1.3 * size_px).astype(np.float32)


def _share_inside(instance_mask: Bool[ndarray, "h w"], region: Bool[ndarray, "h w"]) -> float:
    return float((instance_mask & region).sum() / instance_mask.sum())


def _may_be(detection: Detection, reading: PoseReading) -> bool:
    """Return whether a reading may be of a person; a confident detection is read again without its neighbours."""
    return reading.presence >= MIN_PRESENCE or detection.score >= CROWDED_DETECTION


def _pose(reading: PoseReading, ratio: Float[ndarray, "2"]) -> PoseLandmarks:
    """Return a reading's landmarks in a photo larger by ``ratio``; pixel centres are integers in both."""
    return PoseLandmarks((reading.image_px + 0.5) * ratio - 0.5, reading.world_m, reading.visibility)


def _mesh(pose: PoseLandmarks, placement: Placement) -> HumanMesh:
    # From behind landmarks are too far apart for the stature: the distance is corrected for it, the stature is not.
    stature_m = stature_from_joints(placement.joints_m, pose.visibility) / facing_factor(pose.world_m)
    vertices, faces = body_mesh(placement.joints_m, stature_m=stature_m)
    return HumanMesh(
        vertices,
        faces,
        BlazePose.name,
        stature_m=stature_m,
        log_depth_sigma=log_depth_sigma(placement),
        reprojection_px=placement.reprojection_px,
        near_share=CHILD_SHARE,
        near_log=CHILD_NEAR_LOG,
    )


def _resized_mask(small_mask: Bool[ndarray, "a b"], shape: tuple[int, int]) -> Bool[ndarray, "h w"]:
    """Enlarge a mask by linear interpolation; disjoint masks stay disjoint (their values sum to at most 1)."""
    if small_mask.shape == shape:
        return small_mask
    share = cv2.resize(small_mask.astype(np.uint8) * 200, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return share > 100
