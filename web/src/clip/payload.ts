// What the clip's report's Python side writes (src/mfh/report/clip_payload.py), by the same names.

import type { Camera, GridPayload } from "../grid";
import type { AnswerRow } from "../payload";

export type Point = [number, number, number];

export interface PackedDepth {
  width: number;
  height: number;
  first: number;
  step: number;
  data: string;
}

export interface Frame {
  index: number;
  seconds: number;
  jpeg: string;
  /** Null where all frames have the same. */
  depth: PackedDepth | null;
  /** Where the camera is, and where it looks, in the frame of the first one. */
  camera: [Point, Point];
}

export interface Sighting {
  /** -1 in the picture of what stays. */
  frame: number;
  seconds: number | null;
  box: [number, number, number, number];
  /** By the clip's depth, and by its own size alone. */
  distance_m: number | null;
  measured_m: number | null;
  place: Point | null;
}

export interface Track {
  number: number;
  label: string;
  kind: "person" | "object" | "prior";
  verdict: "used" | "rejected";
  reason: string;
  size_m: number | null;
  weight: number;
  sightings: Sighting[];
}

export interface ClipPayload extends GridPayload {
  schema: string;
  mfh: string;
  photo: { name: string; width: number; height: number; jpeg_width: number; jpeg_height: number };
  camera: Camera;
  focal: { source: string; detail: string; relative_sigma: number };
  depth_m: { nearest: number | null; median: number | null; farthest: number | null };
  sources: string;
  known_sizes: string[];
  limited_by: string | null;
  answer: AnswerRow;
  posteriors: { counts: number[]; data: string };
  clip: {
    frames: number;
    frames_a_second: number;
    static_camera: boolean;
    reference_frame: number | null;
    cuts: number[];
    median_misfit: number | null;
    colour_bar_m: [number, number];
  };
  /** Whether the camera's motion was followed. */
  followed: boolean;
  depth: PackedDepth | null;
  /** Whether any place of any frame has no depth. */
  holes: boolean;
  frames: Frame[];
  path: { frames: number[]; places: Point[] };
  tracks: Track[];
  tracks_left_out: number;
  preset: string;
  models: Record<string, string>;
  command: string;
  versions: Record<string, string>;
  warnings: string[];
}
