// Where a track is at a time: where it was looked for, and between two such frames on the way from one to the other.

import type { ClipPayload, Point, Sighting, Track } from "./payload";

/** Distinct on the picture, and in light and dark colours. */
const COLOURS = ["#16a394", "#e0762a", "#8f6bea", "#d64a7b", "#3c8de0", "#93a51c"];

export interface At {
  box: [number, number, number, number];
  place: Point | null;
  /** Whether it was looked for, and found, in this frame. */
  seen: boolean;
}

/** Where a track is in a frame of the clip; null where it is not known. */
export function trackAt(track: Track, frame: number, still: boolean): At | null {
  const { sightings } = track;
  const here = sightings.find((one) => one.frame === frame) ?? (still ? sightings.find((one) => one.frame < 0) : null);
  if (here) return { box: here.box, place: here.place, seen: true };
  // A camera that stands still is asked too seldom to say what happens in between.
  if (still) return null;
  const after = sightings.findIndex((one) => one.frame > frame);
  if (after < 1) return null;
  const [a, b] = [sightings[after - 1]!, sightings[after]!];
  const share = (frame - a.frame) / (b.frame - a.frame);
  return {
    box: between(a.box, b.box, share) as At["box"],
    place: a.place && b.place && (between(a.place, b.place, share) as Point),
    seen: false,
  };
}

function between(a: readonly number[], b: readonly number[], share: number): number[] {
  return a.map((one, k) => one + share * (b[k]! - one));
}

/** People by colour, in the order of their numbers; objects have none. */
export function coloursOf(payload: ClipPayload): Map<number, string> {
  const people = payload.tracks.filter((one) => one.kind === "person");
  const order = [...people.filter((one) => one.verdict === "used"), ...people.filter((one) => one.verdict !== "used")];
  return new Map(order.map((one, k) => [one.number, COLOURS[k % COLOURS.length]!]));
}

export function nameOf(track: Track): string {
  return `${track.label} #${track.number}`;
}

export function isSeen(one: Sighting): boolean {
  return one.measured_m !== null;
}
