// The inverse of src/mfh/report/encode.py.

const NONE = 0;
const INFINITE = 65535;

export async function unpack(text: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function unpackFloats(text: string): Promise<Float32Array> {
  return new Float32Array((await unpack(text)).buffer);
}

/** Log depth of a grid, NaN where there is none and infinite at infinity. */
export function logDepth(
  about: { width: number; height: number; first: number; step: number },
  bytes: Uint8Array,
): Float64Array {
  const { width, height, first, step } = about;
  const count = width * height;
  const above = new Uint16Array(width);
  const result = new Float64Array(count);
  for (let row = 0; row < height; row++) {
    let code = 0;
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const folded = bytes[at]! | (bytes[count + at]! << 8);
      const second = (folded >>> 1) ^ -(folded & 1);
      above[column] = above[column]! + second;
      code = (code + above[column]!) & 0xffff;
      result[at] = code === NONE ? NaN : code === INFINITE ? Infinity : first + (code - 1) * step;
    }
  }
  return result;
}
