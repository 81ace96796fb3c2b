// What the report's Python side writes (src/mfh/report/payload.py), by the same names.

export interface Curve {
  values: number[];
  log_sigma: number[];
}

export interface LandmarkAt {
  distance_m: number | null;
  weight: number;
  implied: number | null;
  used: boolean;
  /** Null where it is that of the answer itself. */
  reason: string | null;
}

export interface AnswerRow {
  factor: number;
  scale: number;
  shift: number;
  limit_m: number | null;
  reach_m: number | null;
  level_80: [number, number] | null;
  level_95: [number, number] | null;
  curve: Curve | null;
  errors: { shared: number; shape: number; focal: number };
  widths: number;
  landmarks: LandmarkAt[];
  posterior: boolean;
}

export interface Landmark {
  number: number;
  kind: string;
  painted: boolean;
  object: boolean;
  /** The size of the view by its look: no thing in the photo. */
  prior: boolean;
  source: string;
  measured_by: string;
  box: [number, number, number, number];
  size_m: number | null;
  log_sigma: number;
  reason: string;
  thumb: { jpeg: string; box: [number, number, number, number]; masked: boolean } | null;
  body: { middle: [number, number, number]; corners: string; faces: string } | null;
}

export interface Payload {
  schema: string;
  mfh: string;
  photo: { name: string; width: number; height: number; jpeg_width: number; jpeg_height: number };
  camera: { fx: number; fy: number; cx: number; cy: number };
  focal: { source: string; detail: string; relative_sigma: number };
  space: "disparity" | "depth";
  depth: { width: number; height: number; first: number; step: number; data: string };
  depth_m: { nearest: number | null; median: number | null; farthest: number | null };
  max_depth_m: number;
  middle: number;
  shape_share: number;
  sky_fraction: number;
  sources: string;
  known_sizes: string[];
  limited_by: string | null;
  landmarks: Landmark[];
  answer: AnswerRow;
  by_focal: AnswerRow[];
  posteriors: { counts: number[]; data: string };
  lengths: [number, number, number, number][];
  preset: string;
  models: Record<string, string>;
  command: string;
  versions: Record<string, string>;
  warnings: string[];
}
