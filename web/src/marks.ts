// Marks on a picture: lengths with their ends and labels, and the place of the cursor.

import type { Pixel } from "./lengths";

export function line(context: CanvasRenderingContext2D, start: Pixel, finish: Pixel, dashed = false): void {
  context.setLineDash(dashed ? [5, 4] : []);
  for (const [style, width] of [
    ["rgba(0 0 0 / .55)", 4.5],
    ["#ffd60a", 2],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(...finish);
    context.stroke();
  }
  context.setLineDash([]);
  end(context, start);
  if (!dashed) end(context, finish);
}

export function end(context: CanvasRenderingContext2D, at: Pixel): void {
  context.beginPath();
  context.arc(...at, 4.5, 0, 7);
  context.fillStyle = "#ffd60a";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "rgba(0 0 0 / .7)";
  context.stroke();
}

export function label(
  context: CanvasRenderingContext2D,
  text: string,
  start: Pixel,
  finish: Pixel,
  canvas: HTMLCanvasElement,
): void {
  context.font = "600 13px system-ui, sans-serif";
  const width = context.measureText(text).width + 16;
  const [x, y] = [(start[0] + finish[0]) / 2, (start[1] + finish[1]) / 2];
  const left = Math.min(Math.max(x + 10, 2), canvas.clientWidth - width - 2);
  const top = Math.min(Math.max(y - 12, 2), canvas.clientHeight - 26);
  context.fillStyle = "rgba(18 18 20 / .86)";
  context.beginPath();
  context.roundRect(left, top, width, 24, 6);
  context.fill();
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(text, left + 8, top + 12.5);
}

export function crosshair(context: CanvasRenderingContext2D, [x, y]: Pixel, strong: boolean): void {
  const reach = strong ? 16 : 9;
  for (const [style, width] of [
    ["rgba(0 0 0 / .6)", 3.5],
    ["#fff", 1.5],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      context.moveTo(x + dx * 3, y + dy * 3);
      context.lineTo(x + dx * reach, y + dy * reach);
    }
    context.stroke();
  }
}
