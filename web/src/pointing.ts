// Which pixel of the photo is meant: by the pointer over a canvas of any size, or by arrow keys.

import type { Pixel } from "./lengths";

interface Size {
  width: number;
  height: number;
}

export function pixelAt(event: MouseEvent, canvas: HTMLCanvasElement, photo: Size): Pixel {
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * photo.width - 0.5;
  const y = ((event.clientY - box.top) / box.height) * photo.height - 0.5;
  return within([x, y], photo);
}

export function middleOf(photo: Size): Pixel {
  return [Math.round((photo.width - 1) / 2), Math.round((photo.height - 1) / 2)];
}

const STEPS: Record<string, Pixel> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Where an arrow key leads, with Shift farther; null for another key. */
function stepped(event: KeyboardEvent, [x, y]: Pixel, photo: Size): Pixel | null {
  const step = STEPS[event.key];
  if (!step) return null;
  const far = (event.shiftKey ? 0.05 : 0.005) * Math.max(photo.width, photo.height);
  return within([x + step[0] * far, y + step[1] * far], photo);
}

/** What the keys of a picture do: arrows move, Enter and Space set an end, Escape takes it back. */
export function measureByKeys(
  event: KeyboardEvent,
  cursor: Pixel | null,
  photo: Size,
  { move, click, cancel }: { move(pixel: Pixel): void; click(pixel: Pixel): void; cancel(): void },
): void {
  const at = cursor ?? middleOf(photo);
  const pixel = stepped(event, at, photo);
  if (pixel) {
    move(pixel);
  } else if (event.key === "Enter" || event.key === " ") {
    if (!cursor) move(at);
    click(at);
  } else if (event.key === "Escape") cancel();
  else return;
  event.preventDefault();
}

function within([x, y]: Pixel, { width, height }: Size): Pixel {
  return [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
}
