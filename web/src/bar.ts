// Depth in the colours of a bar, and the bar itself with its values.

import { type Bar, colourAt, hatch, position, ticks } from "./colours";
import { make } from "./dom";
import type { Grid } from "./grid";

/** Paint a value of every place of a grid; what has no depth is hatched. */
export function paintMap(map: HTMLCanvasElement, grid: Grid, bar: Bar, value: (at: number) => number): void {
  const { width, height, depth } = grid;
  map.width = width;
  map.height = height;
  const context = map.getContext("2d")!;
  const image = context.createImageData(width, height);
  const table = Array.from({ length: 256 }, (_, k) => colourAt(bar, k / 255));
  for (let at = 0; at < depth.length; at++) {
    const kind = grid.missing(at);
    const [red, green, blue] = kind
      ? hatch(at % width, Math.floor(at / width), kind)
      : table[Math.round(position(bar, value(at)) * 255) || 0]!;
    image.data.set([red, green, blue, 255], at * 4);
  }
  context.putImageData(image, 0, 0);
}

export function barStrip(bar: Bar, unit: (value: number) => string): HTMLElement {
  const strip = make("canvas", { width: "256", height: "1", "aria-hidden": "true" });
  const context = strip.getContext("2d")!;
  for (let k = 0; k < 256; k++) {
    context.fillStyle = `rgb(${colourAt(bar, k / 255).join(" ")})`;
    context.fillRect(k, 0, 1, 1);
  }
  const labels = make("div", { class: "ticks" });
  for (const tick of ticks(bar.low, bar.high, bar.log)) {
    const label = make("span", {}, unit(tick));
    label.style.left = `${position(bar, tick) * 100}%`;
    labels.append(label);
  }
  return make("div", { class: "strip" }, strip, labels);
}
