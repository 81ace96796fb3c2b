// The photo with its depth and its uncertainty as pictures: hover, two clicks, and the same by keyboard.

import { barStrip, paintMap } from "./bar";
import { type Bar, depthBar, sigmaBar } from "./colours";
import { colour, find, make, metresText, percent, sized } from "./dom";
import type { Pixel } from "./lengths";
import { crosshair, end, label, line } from "./marks";
import { type Measuring, textOf } from "./measuring";
import type { Model } from "./model";
import { measureByKeys, middleOf, pixelAt } from "./pointing";

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
    this.overlay.addEventListener("pointermove", (event) => this.move(pixelAt(event, this.overlay, model.payload.photo), false));
    this.overlay.addEventListener("pointerleave", () => this.move(null, false));
    this.overlay.addEventListener("click", (event) => {
      const pixel = pixelAt(event, this.overlay, model.payload.photo);
      this.move(pixel, false);
      measuring.click(pixel);
    });
    this.overlay.addEventListener("keydown", (event) => this.key(event));
    this.overlay.addEventListener("focus", () => {
      if (this.overlay.matches(":focus-visible") && !this.cursor) this.move(middleOf(model.payload.photo), true);
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
    const uncertain = this.view === "uncertainty";
    paintMap(this.map, this.model, bar, (at) =>
      uncertain ? this.model.logSigma(this.model.valueOf(at)) : this.model.depth[at]!,
    );
  }

  private legend(bar: Bar, view: View): void {
    const unit = (value: number) => (view === "uncertainty" ? `±${Math.round(value * 100)} %` : `${value} m`);
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
    const scale = barStrip(bar, unit);
    scale.classList.toggle("idle", view === "photo");
    const text = make("p", {}, names[view], ...(view === "photo" ? [] : notes));
    find("legend").replaceChildren(...(view === "photo" ? [text, scale] : [scale, text]));
  }

  private hasMissing(kind: "sky" | "beyond"): boolean {
    for (let at = 0; at < this.model.depth.length; at += 13) if (this.model.missing(at) === kind) return true;
    return false;
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
    measureByKeys(event, this.cursor, this.model.payload.photo, {
      move: (pixel) => this.move(pixel, true),
      click: (pixel) => this.measuring.click(pixel),
      cancel: () => this.measuring.cancel(),
    });
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
