// What stands in the points: people as their measured bodies, or as figures of their height where there is none, objects
// as boxes of their size, the camera, the ground.

import {
  BoxGeometry,
  type BufferGeometry,
  Color,
  EdgesGeometry,
  Float32BufferAttribute,
  BufferGeometry as Geometry,
  Group,
  LatheGeometry,
  LineBasicMaterial,
  LineDashedMaterial,
  LineSegments,
  Mesh,
  MeshLambertMaterial,
  Quaternion,
  SphereGeometry,
  Vector2,
  Vector3,
} from "three";
import type { Ground } from "./ground";
import type { Model } from "./model";

/** Radius of a standing figure by height, both over its height: feet, calves, hips, waist, chest, shoulders, neck. */
const OUTLINE = [
  [0.0, 0.055],
  [0.06, 0.075],
  [0.28, 0.085],
  [0.48, 0.115],
  [0.6, 0.1],
  [0.76, 0.145],
  [0.82, 0.13],
  [0.85, 0.05],
  [0.88, 0.04],
] as const;
const HEAD = { at: 0.93, radius: 0.07 };
const UP = new Vector3(0, 1, 0);
const BODY = 0.5;

export interface FigureColours {
  person: string;
  object: string;
  painted: string;
  lines: string;
}

/** Figures and boxes of the landmarks that were used, by their number on the receipt. */
export function landmarkFigures(model: Model, ground: Ground | null, colours: FigureColours): Map<number, Group> {
  const figures = new Map<number, Group>();
  const up = ground ? new Vector3(ground.normal[0], -ground.normal[1], -ground.normal[2]) : UP;
  model.payload.landmarks.forEach((one, number) => {
    const { distance_m: distance, used } = model.answer.landmarks[number]!;
    if (!used || distance === null || one.prior) return;
    const [left, top, right, bottom] = one.box;
    const [x1, y1] = model.point(left, top, distance);
    const [x2, y2] = model.point(right, bottom, distance);
    const group = new Group();
    const body = model.bodies[number];
    if (body) {
      // With another focal length a body is nearer or farther, as large as before.
      const farther = distance - (model.payload.answer.landmarks[number]!.distance_m ?? distance);
      const [x, y, z] = body.middle;
      group.add(surface(body.shape, one.painted ? colours.painted : colours.person));
      group.position.set(x, -y, -(z + farther));
    } else if (one.object) {
      const [width, height] = [Math.max(x2 - x1, 0.01), Math.max(y2 - y1, 0.01)];
      group.add(...box(width, height, Math.min(width, height), colours.object));
      group.position.set((x1 + x2) / 2, -(y1 + y2) / 2, -distance);
    } else {
      const height = one.size_m ?? y2 - y1;
      // A person cut off by the lower edge of the photo is placed by the head.
      const cut = bottom >= model.payload.photo.height - 3;
      group.add(...figure(height, one.painted ? colours.painted : colours.person, one.painted));
      group.position.set((x1 + x2) / 2, cut ? -y1 - height : -y2, -distance);
      group.quaternion.copy(new Quaternion().setFromUnitVectors(UP, up));
    }
    figures.set(number, group);
  });
  return figures;
}

/** Mark one of the figures. */
export function emphasize(figures: Map<number, Group>, number: number | null): void {
  for (const [key, group] of figures)
    group.traverse((part) => {
      if (part instanceof Mesh) part.material.opacity = key === number ? 0.9 : part.userData.opacity;
      if (part instanceof LineSegments) part.material.opacity = key === number ? 1 : 0.75;
    });
}

/** A body: its own far side is hidden by its near side, the points behind it are seen through it. */
function surface(shape: BufferGeometry, colour: string): Mesh {
  const material = new MeshLambertMaterial({ color: new Color(colour), transparent: true, opacity: BODY });
  const mesh = new Mesh(shape, material);
  mesh.userData.opacity = BODY;
  return mesh;
}

function figure(height: number, colour: string, painted: boolean): (Mesh | LineSegments)[] {
  const profile = OUTLINE.map(([at, radius]) => new Vector2(radius * height, at * height));
  const body = new LatheGeometry(profile, 20);
  body.scale(1, 1, 0.6);
  const head = new SphereGeometry(HEAD.radius * height, 16, 12);
  head.translate(0, HEAD.at * height, 0);
  const wide = height * 0.36;
  const opacity = painted ? 0.1 : 0.2;
  const frame = new BoxGeometry(wide, height, wide * 0.6);
  frame.translate(0, height / 2, 0);
  return [solid(body, colour, opacity), solid(head, colour, opacity), edges(frame, colour, painted)];
}

function box(width: number, height: number, depth: number, colour: string): (Mesh | LineSegments)[] {
  const shape = new BoxGeometry(width, height, depth);
  return [solid(shape, colour, 0.12), edges(shape, colour, false)];
}

function solid(shape: BufferGeometry, colour: string, opacity: number): Mesh {
  const material = new MeshLambertMaterial({ color: new Color(colour), transparent: true, opacity, depthWrite: false });
  const mesh = new Mesh(shape, material);
  mesh.userData.opacity = opacity;
  return mesh;
}

function edges(shape: BufferGeometry, colour: string, dashed: boolean): LineSegments {
  const about = { color: new Color(colour), transparent: true, opacity: 0.75 };
  const material = dashed
    ? new LineDashedMaterial({ ...about, dashSize: 0.06, gapSize: 0.05 })
    : new LineBasicMaterial(about);
  const lines = new LineSegments(new EdgesGeometry(shape), material);
  lines.computeLineDistances();
  return lines;
}

/** The camera of the photo: a pyramid with the photo's field of view. */
export function frustum(model: Model, depth: number, colour: string): LineSegments {
  const { width, height } = model.payload.photo;
  const corners = (
    [
      [-0.5, -0.5],
      [width - 0.5, -0.5],
      [width - 0.5, height - 0.5],
      [-0.5, height - 0.5],
    ] as const
  ).map(([x, y]) => model.point(x, y, depth));
  const ends: number[] = [];
  corners.forEach(([x, y, z], k) => {
    const next = corners[(k + 1) % 4]!;
    ends.push(0, 0, 0, x, -y, -z, x, -y, -z, next[0], -next[1], -next[2]);
  });
  return segments(ends, colour, 0.9);
}

/** Lines on the ground, a round number of metres apart. */
export function groundGrid(ground: Ground, far: number, colour: string): { lines: LineSegments; step: number } {
  const step = [0.25, 0.5, 1, 2, 5, 10, 20].find((one) => far / one <= 14) ?? 50;
  const count = Math.ceil(far / step);
  const up = new Vector3(ground.normal[0], -ground.normal[1], -ground.normal[2]);
  const ends: number[] = [];
  for (let k = -count; k <= count; k++)
    if (Math.abs(k) * 2 <= count) ends.push(k * step, 0, 0, k * step, 0, -count * step);
  const half = Math.floor(count / 2);
  for (let k = 0; k <= count; k++) ends.push(-half * step, 0, -k * step, half * step, 0, -k * step);
  const lines = segments(ends, colour, 0.4);
  lines.quaternion.setFromUnitVectors(UP, up);
  lines.position.copy(up).multiplyScalar(-ground.height);
  return { lines, step };
}

export function segments(ends: number[], colour: string, opacity: number): LineSegments {
  const shape = new Geometry();
  shape.setAttribute("position", new Float32BufferAttribute(ends, 3));
  return new LineSegments(shape, new LineBasicMaterial({ color: new Color(colour), transparent: true, opacity }));
}
