// The bodies of measured people: the inverse of src/mfh/report/bodies.py.

import { BufferAttribute, BufferGeometry } from "three";
import { unpack } from "./decode";
import type { Landmark } from "./payload";

const MM = 1e-3;

/** A surface about its middle, in the scene's directions: x right, y up, z towards the viewer. */
export interface Body {
  shape: BufferGeometry;
  /** x right, y down, z forward from the camera, metres. */
  middle: [number, number, number];
}

export function readBodies(landmarks: Landmark[]): Promise<(Body | null)[]> {
  return Promise.all(landmarks.map((one) => one.body && read(one.body)));
}

async function read(body: NonNullable<Landmark["body"]>): Promise<Body> {
  const [corners, faces] = await Promise.all([unpack(body.corners), unpack(body.faces)]);
  const places = columns(new Int16Array(corners.buffer), [MM, -MM, -MM], (count) => new Float32Array(count));
  const index = columns(new Uint16Array(faces.buffer), [1, 1, 1], (count) => new Uint16Array(count));
  const shape = new BufferGeometry();
  shape.setAttribute("position", new BufferAttribute(places, 3));
  shape.setIndex(new BufferAttribute(index, 1));
  shape.computeVertexNormals();
  return { shape, middle: body.middle };
}

/** Three columns one after the other as rows, each times a factor. */
function columns<T extends Float32Array | Uint16Array>(
  values: Int16Array | Uint16Array,
  factors: [number, number, number],
  make: (count: number) => T,
): T {
  const count = values.length / 3;
  const rows = make(values.length);
  for (let k = 0; k < count; k++)
    for (let axis = 0; axis < 3; axis++) rows[3 * k + axis] = values[axis * count + k]! * factors[axis]!;
  return rows;
}
