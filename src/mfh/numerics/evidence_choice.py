"""Which kind of evidence each person gives, body or ground contact, and people of both kinds weighed alike."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.numerics.contact import Contact, ground_contact
from mfh.numerics.evidence import Judged, Sighting
from mfh.types import Camera, Evidence

SAMPLES_PER_PERSON = 32
"""Pairs each person gives where some of them give a contact: a foot is one pair, a body thousands."""


def find_contacts(
    sighting: Sighting, judged: Judged, relative: Float[ndarray, "h w"], camera: Camera
) -> list[Contact | Rejected]:
    """Find where the people of an image stand on the ground of the photo.

    Args:
        sighting: the people and their meshes.
        judged: their verdicts.
        relative: (h, w) relative depth of the *photo*, also where the image is a painting; NaN where it has none.
        camera: intrinsics of both.

    Returns:
        One per person: the contact, or why there is none; for somebody rejected already, that reason.
    """
    in_photo = sighting.paint_mask is None
    occupied = np.any([person.instance_mask for person in sighting.people], 0) if in_photo and sighting.people else None
    contacts: list[Contact | Rejected] = []
    for person, mesh, landmark in zip(sighting.people, sighting.meshes, judged.landmarks, strict=True):
        if mesh is None or landmark.verdict == "rejected":
            contacts.append(Rejected(landmark.reason))
        else:
            seen = person.instance_mask if sighting.paint_mask is None else person.instance_mask & sighting.paint_mask
            contacts.append(ground_contact(mesh.vertices_m, seen, relative, camera, occupied=occupied))
    return contacts


def somebody_lacks_contact(judged: Judged, contacts: Sequence[Contact | Rejected]) -> bool:
    """Return whether somebody who can give metres has no contact.

    Args:
        judged: verdicts of an image's people.
        contacts: one per person.
    """
    return any(
        landmark.verdict == "used" and isinstance(contact, Rejected)
        for landmark, contact in zip(judged.landmarks, contacts, strict=True)
    )


def choose_evidence(judged: Judged, contacts: Sequence[Contact | Rejected], body: Evidence | None) -> Evidence:
    """Take each person's contact where there is one, else the person's body, where that may be used.

    Args:
        judged: verdicts of an image's people.
        contacts: one per person.
        body: what their bodies say; None where only contacts count.

    Returns:
        The evidence; every landmark says which kind it gave.
    """
    relative, depth_m, people, landmarks = [], [], [], []
    for index, (landmark, contact) in enumerate(zip(judged.landmarks, contacts, strict=True)):
        if landmark.verdict == "rejected":
            chosen, pairs = landmark, (np.zeros(0), np.zeros(0))
        elif isinstance(contact, Contact):
            chosen = replace(landmark, evidence="contact", pixels=contact.readings)
            pairs = (contact.relative, contact.depth_m)
        elif body is not None:
            chosen = body.landmarks[index]
            pairs = (body.relative[body.person == index], body.depth_m[body.person == index])
        else:
            chosen = replace(landmark, evidence="contact", verdict="rejected", reason=contact.reason, pixels=0)
            pairs = (np.zeros(0), np.zeros(0))
        landmarks.append(chosen)
        relative.append(pairs[0])
        depth_m.append(pairs[1])
        people.append(np.full(len(pairs[0]), index))
    return Evidence(
        np.concatenate([np.zeros(0), *relative]),
        np.concatenate([np.zeros(0), *depth_m]),
        np.concatenate([np.zeros(0, int), *people]),
        tuple(landmarks),
    )


def weigh_people_equally(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Give every person the same number of pairs where some give a contact; else leave the evidence as it is.

    Contacts are repeated, bodies thinned evenly over their depths. The person is the unit of evidence: without this a
    body of ten thousand pixels would silence every contact.

    Args:
        evidence: what each image says.

    Returns:
        The same people with SAMPLES_PER_PERSON pairs each, or the evidence given.
    """
    kinds = {one.evidence for image in evidence for one in image.landmarks if one.verdict == "used"}
    return [_thin(image) for image in evidence] if "contact" in kinds else list(evidence)


def _thin(evidence: Evidence) -> Evidence:
    chosen = [np.zeros(0, int)]
    for person in np.unique(evidence.person):
        own = np.flatnonzero(evidence.person == person)
        own = own[np.argsort(evidence.depth_m[own], kind="stable")]
        chosen.append(own[np.rint(np.linspace(0, len(own) - 1, SAMPLES_PER_PERSON)).astype(int)])
    picked = np.concatenate(chosen)
    return replace(
        evidence,
        relative=evidence.relative[picked],
        depth_m=evidence.depth_m[picked],
        person=evidence.person[picked],
    )
