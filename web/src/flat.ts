// The photo with its depth and its uncertainty as pictures: hover, two clicks, and the same by keyboard.

import { type Bar, colourAt, depthBar, hatch, position, sigmaBar, ticks } from "./colours";
import { colour, find, make, metresText, percent, sized } from "./dom";
import type { Pixel } from "./lengths";
import { type Measuring, textOf } from "./measuring";
import type { Model } from "./model";

type View = "photo" | "depth" | "uncertainty";

export class FlatStage {
  private view: View = "photo";
  private cursor: Pixel | null = null;
  private byKeys = false;
  private highlighted: number | null = null;
  private readonly overlay = find<HTMLCanvasElement>("overlay");
  private readonly map = find<HTMLCanvasElement>("map");
  private readonly readout = find("readout");
  private readonly cursorListeners: ((pixel: Pixel | null) => void)[] = [];

  constructor(
    private readonly model: Model,
    private readonly measuring: Measuring,
  ) {
    for (const button of document.querySelectorAll<HTMLButtonElement>("#views button"))
      button.addEventListener("click", () => this.show(button.value as View));
    this.overlay.addEventListener("pointermove", (event) => this.move(this.pixelAt(event), false));
    this.overlay.addEventListener("pointerleave", () => this.move(null, false));
    this.overlay.addEventListener("click", (event) => {
      const pixel = this.pixelAt(event);
      this.move(pixel, false);
      measuring.click(pixel);
    });
    this.overlay.addEventListener("keydown", (event) => this.key(event));
    this.overlay.addEventListener("focus", () => {
      if (this.overlay.matches(":focus-visible") && !this.cursor) this.move(this.middle(), true);
    });
    measuring.onChange(() => this.draw());
    model.onChange(() => {
      this.readout.textContent = this.textAt(this.cursor);
      this.show(this.view);
    });
    new ResizeObserver(() => this.draw()).observe(this.overlay);
    this.show("photo");
  }

  onCursor(listener: (pixel: Pixel | null) => void): void {
    this.cursorListeners.push(listener);
  }

  redraw(): void {
    this.show(this.view);
  }

  /** Frame one landmark of the receipt. */
  highlight(number: number | null): void {
    this.highlighted = number;
    this.draw();
  }

  private show(view: View): void {
    this.view = view;
    for (const button of document.querySelectorAll<HTMLButtonElement>("#views button"))
      button.setAttribute("aria-pressed", String(button.value === view));
    this.map.hidden = view === "photo";
    const bar = view === "uncertainty" ? this.sigmaBar() : this.depthBar();
    if (view !== "photo") this.paint(bar);
    this.legend(bar, view);
    this.draw();
  }

  private depthBar(): Bar {
    const [near, , far] = this.model.range();
    return Number.isFinite(near) ? depthBar(near, Math.min(far, this.model.answer.limit)) : depthBar(1, 10);
  }

  private sigmaBar(): Bar {
    const [near, , far] = this.model.range();
    const sigmas: number[] = [];
    for (let at = 0; at < this.model.depth.length; at += 37) {
      const depth = this.model.depth[at]!;
      if (depth >= near && depth <= far) sigmas.push(this.model.logSigma(this.model.valueOf(at)));
    }
    const known = sigmas.filter(Number.isFinite);
    return known.length ? sigmaBar(Math.min(...known), Math.max(...known)) : sigmaBar(0, 1);
  }

  private paint(bar: Bar): void {
    const { width, height, depth } = this.model;
    this.map.width = width;
    this.map.height = height;
    const context = this.map.getContext("2d")!;
    const image = context.createImageData(width, height);
    const table = Array.from({ length: 256 }, (_, k) => colourAt(bar, k / 255));
    const uncertain = this.view === "uncertainty";
    for (let at = 0; at < depth.length; at++) {
      const kind = this.model.missing(at);
      const shown = uncertain ? this.model.logSigma(this.model.valueOf(at)) : depth[at]!;
      const [red, green, blue] = kind
        ? hatch(at % width, Math.floor(at / width), kind)
        : table[Math.round(position(bar, shown) * 255) || 0]!;
      image.data.set([red, green, blue, 255], at * 4);
    }
    context.putImageData(image, 0, 0);
  }

  private legend(bar: Bar, view: View): void {
    const unit = (value: number) => (view === "uncertainty" ? `±${Math.round(value * 100)} %` : `${value} m`);
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
    const kinds = [...new Set(["sky", "beyond"] as const)].filter((kind) => this.hasMissing(kind));
    const reach = this.model.answer.reach;
    const notes = kinds.map((kind) =>
      make(
        "span",
        { class: `hatched ${kind}` },
        kind === "sky" ? "sky" : Number.isFinite(reach) ? `beyond ${Number(reach.toPrecision(3))} m` : "too far to say",
      ),
    );
    const { landmarks } = this.model.payload;
    const framed = landmarks.some((one) => !one.painted && !one.prior && this.model.answer.landmarks[one.number]!.used);
    const names = {
      photo: framed ? "framed: people and objects that were used" : "no person or object in it was used",
      depth: "metres along the optical axis",
      uncertainty: "one standard deviation",
    };
    const scale = make("div", { class: view === "photo" ? "strip idle" : "strip" }, strip, labels);
    const text = make("p", {}, names[view], ...(view === "photo" ? [] : notes));
    find("legend").replaceChildren(...(view === "photo" ? [text, scale] : [scale, text]));
  }

  private hasMissing(kind: "sky" | "beyond"): boolean {
    for (let at = 0; at < this.model.depth.length; at += 13) if (this.model.missing(at) === kind) return true;
    return false;
  }

  private pixelAt(event: MouseEvent): Pixel {
    const box = this.overlay.getBoundingClientRect();
    const { width, height } = this.model.payload.photo;
    const x = ((event.clientX - box.left) / box.width) * width - 0.5;
    const y = ((event.clientY - box.top) / box.height) * height - 0.5;
    return [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
  }

  private middle(): Pixel {
    const { width, height } = this.model.payload.photo;
    return [Math.round((width - 1) / 2), Math.round((height - 1) / 2)];
  }

  private move(pixel: Pixel | null, byKeys: boolean): void {
    this.cursor = pixel;
    this.byKeys = byKeys;
    const text = this.textAt(pixel);
    this.readout.textContent = text;
    if (byKeys && pixel) find("status").textContent = text;
    for (const listener of this.cursorListeners) listener(pixel);
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, Pixel> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const step = steps[event.key];
    const { width, height } = this.model.payload.photo;
    if (step) {
      const far = (event.shiftKey ? 0.05 : 0.005) * Math.max(width, height);
      const [x, y] = this.cursor ?? this.middle();
      this.move(
        [Math.min(Math.max(x + step[0] * far, 0), width - 1), Math.min(Math.max(y + step[1] * far, 0), height - 1)],
        true,
      );
    } else if (event.key === "Enter" || event.key === " ") {
      if (!this.cursor) this.move(this.middle(), true);
      this.measuring.click(this.cursor!);
    } else if (event.key === "Escape") this.measuring.cancel();
    else return;
    event.preventDefault();
  }

  /** "2.31 m ± 0.35 · 1.10 m above the ground" */
  textAt(pixel: Pixel | null): string {
    if (!pixel) return "";
    const index = this.model.indexAt(...pixel);
    const kind = this.model.missing(index);
    if (kind === "sky") return this.model.payload.sky_fraction ? "sky" : "no depth here";
    const reach = this.model.answer.reach;
    if (kind) return Number.isFinite(reach) ? `beyond ${Number(reach.toPrecision(3))} m` : "too far to say";
    const value = this.model.valueAt(...pixel);
    const depth = this.model.metres(value);
    const sigma = this.model.logSigma(value);
    const plusMinus = Number.isFinite(sigma) ? ` ± ${(depth * sigma).toFixed(depth * sigma < 10 ? 2 : 0)}` : "";
    const height = this.measuring.height(pixel);
    const above = height === null ? "" : ` · ${Math.abs(height).toFixed(2)} m ${height < -0.005 ? "below" : "above"} the ground`;
    return this.view === "uncertainty"
      ? `± ${percent(sigma)} of ${metresText(depth)}`
      : `${metresText(depth)}${plusMinus}${above}`;
  }

  private draw(): void {
    const context = sized(this.overlay);
    const { width, height } = this.model.payload.photo;
    const across = this.overlay.clientWidth / width;
    const down = this.overlay.clientHeight / height;
    const place = ([x, y]: Pixel): Pixel => [(x + 0.5) * across, (y + 0.5) * down];
    if (this.view === "photo") this.drawBoxes(context, across, down);
    if (this.highlighted !== null) this.drawBox(context, this.highlighted, across, down, true);
    this.measuring.done.forEach((one, k) => {
      const [start, end] = [place(one.start), place(one.end)];
      line(context, start, end);
      label(context, `${String.fromCharCode(65 + (k % 26))}  ${textOf(one)}`, start, end, this.overlay);
    });
    if (this.measuring.open) {
      const start = place(this.measuring.open);
      if (this.cursor) line(context, start, place(this.cursor), true);
      end(context, start);
    }
    if (this.cursor) crosshair(context, place(this.cursor), this.byKeys);
  }

  private drawBoxes(context: CanvasRenderingContext2D, across: number, down: number): void {
    this.model.payload.landmarks.forEach((one, number) => {
      if (!one.painted && !one.prior && this.model.answer.landmarks[number]!.used) this.drawBox(context, number, across, down, false);
    });
  }

  private drawBox(context: CanvasRenderingContext2D, number: number, across: number, down: number, strong: boolean): void {
    const one = this.model.payload.landmarks[number]!;
    const [left, top, right, bottom] = one.box;
    const box = [left * across, top * down, (right - left) * across, (bottom - top) * down] as const;
    context.setLineDash(one.painted ? [6, 4] : []);
    if (strong) {
      context.strokeStyle = "rgba(0 0 0 / .6)";
      context.lineWidth = 5;
      context.strokeRect(...box);
    }
    context.strokeStyle = strong ? colour(one.painted ? "--painted" : "--accent-bright") : "rgba(255 255 255 / .75)";
    context.lineWidth = strong ? 2.5 : 1;
    context.strokeRect(...box);
    context.setLineDash([]);
  }
}

function line(context: CanvasRenderingContext2D, start: Pixel, finish: Pixel, dashed = false): void {
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

function end(context: CanvasRenderingContext2D, at: Pixel): void {
  context.beginPath();
  context.arc(...at, 4.5, 0, 7);
  context.fillStyle = "#ffd60a";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "rgba(0 0 0 / .7)";
  context.stroke();
}

function label(
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

function crosshair(context: CanvasRenderingContext2D, [x, y]: Pixel, strong: boolean): void {
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
