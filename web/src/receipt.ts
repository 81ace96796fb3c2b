// The receipt as a picture: what each landmark alone implies, on one axis under the posterior and its interval.

import { ticks } from "./colours";
import { find, make, makeSvg, metresText, percent } from "./dom";
import type { Landmark, LandmarkAt } from "./payload";
import type { Model } from "./model";

const POINTS = 160;
const LEAST_SIGMA = 0.02;
const WIDEST = Math.log(6);

export class Receipt {
  private readonly chosen: ((number: number | null) => void)[] = [];

  constructor(private readonly model: Model) {
    model.onChange(() => this.show());
    this.show();
  }

  onChoice(listener: (number: number | null) => void): void {
    this.chosen.push(listener);
  }

  private show(): void {
    const { landmarks } = this.model.payload;
    const now = this.model.answer.landmarks;
    const order = landmarks.map((_, k) => k).sort((a, b) => now[b]!.weight - now[a]!.weight || a - b);
    const used = order.filter((k) => now[k]!.used);
    const rejected = order.filter((k) => !now[k]!.used);
    const axis = this.axis([...used, ...rejected]);
    find("posterior").replaceChildren(this.curve(axis), this.scale(axis));
    find("used").replaceChildren(...used.map((k) => this.row(landmarks[k]!, now[k]!, axis)));
    const details = find<HTMLDetailsElement>("rejected-part");
    details.hidden = !rejected.length;
    find("rejected-title").textContent =
      `${rejected.length} rejected, with the reason`;
    find("rejected").replaceChildren(...rejected.map((k) => this.row(landmarks[k]!, now[k]!, axis)));
    const sizes = this.model.payload.known_sizes;
    find("given").replaceChildren(...sizes.map((one) => make("li", {}, `Given: ${one}`)));
  }

  private axis(numbers: number[]): Axis {
    const [, median] = this.model.range();
    const { level95, landmarks } = this.model.answer;
    const logs = [0, ...(level95 ?? [0.8, 1.25]).map(Math.log)];
    for (const k of numbers) {
      const { implied } = landmarks[k]!;
      if (implied !== null && Math.abs(implied) < WIDEST) logs.push(implied);
    }
    return new Axis(median, Math.min(...logs) - 0.12, Math.max(...logs) + 0.12);
  }

  /** The posterior density of the photo's median depth, with the systematic errors in it. */
  private curve(axis: Axis): Element {
    const { answer, payload } = this.model;
    const { ratio, logScale, weight } = answer.posterior;
    const sign = payload.space === "disparity" ? -1 : 1;
    const middle = Math.log(this.model.metres(payload.middle));
    const { shared, shape, focal } = answer.errors;
    const sigma = Math.max(Math.hypot(shared, shape * payload.shape_share, focal), LEAST_SIGMA);
    const density = new Float64Array(POINTS);
    for (let k = 0; k < ratio.length; k++) {
      const gap = payload.middle + ratio[k]!;
      if (gap <= 0) continue;
      const at = sign * (logScale[k]! + Math.log(gap)) - middle;
      for (let p = 0; p < POINTS; p++) {
        const apart = (axis.low + ((axis.high - axis.low) * p) / (POINTS - 1) - at) / sigma;
        if (Math.abs(apart) < 5) density[p]! += weight[k]! * Math.exp(-0.5 * apart ** 2);
      }
    }
    const most = Math.max(...density, 1e-12);
    const place = (p: number) => `${((p / (POINTS - 1)) * 1000).toFixed(1)} ${(98 - (density[p]! / most) * 92).toFixed(1)}`;
    const line = Array.from(density.keys()).map(place).join(" L");
    const svg = makeSvg("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", class: "curve" });
    const [, median] = this.model.range();
    const interval = answer.level80;
    svg.setAttribute(
      "aria-label",
      interval
        ? `Posterior of the median depth: ${metresText(median)}, ${metresText(interval[0] * median)} to ${metresText(interval[1] * median)} with 80 % probability`
        : `Median depth ${metresText(median)}`,
    );
    svg.append(
      makeSvg("path", { d: `M0 98 L${line} L1000 98 Z`, class: "area" }),
      makeSvg("path", { d: `M${line}`, class: "line", "vector-effect": "non-scaling-stroke" }),
    );
    return make("div", { class: "track tall" }, ...this.bands(axis), svg);
  }

  private bands(axis: Axis): HTMLElement[] {
    const { level80, level95 } = this.model.answer;
    const bands: HTMLElement[] = [];
    for (const [level, name] of [
      [level95, "band wide"],
      [level80, "band"],
    ] as const) {
      if (!level) continue;
      const band = make("span", { class: name });
      band.style.left = axis.percent(Math.log(level[0]));
      band.style.right = `calc(100% - ${axis.percent(Math.log(level[1]))})`;
      bands.push(band);
    }
    const line = make("span", { class: "answer-line" });
    line.style.left = axis.percent(0);
    return [...bands, line];
  }

  private scale(axis: Axis): HTMLElement {
    const labels = make("div", { class: "track axis" });
    const [low, high] = [axis.median * Math.exp(axis.low), axis.median * Math.exp(axis.high)];
    for (const tick of ticks(low, high, high / low > 2)) {
      const label = make("span", {}, `${tick} m`);
      label.style.left = axis.percent(Math.log(tick / axis.median));
      labels.append(label);
    }
    return labels;
  }

  private row(one: Landmark, now: LandmarkAt, axis: Axis): HTMLLIElement {
    const name = one.kind === "painted person" ? "person" : one.kind;
    const title = make("p", { class: "name" }, `${name} `, make("small", {}, `#${one.number}`));
    if (one.painted) title.append(make("span", { class: "badge" }, "painted"));
    const facts: string[] = [];
    if (now.distance_m !== null) facts.push(`${metresText(now.distance_m)} away`);
    if (one.size_m !== null) facts.push(`${metresText(one.size_m)} ${one.prior ? "of view" : one.object ? "assumed" : "tall"}`);
    if (now.used) facts.push(`weight ${percent(now.weight)}`);
    const text = make("div", { class: "about" }, title, make("p", { class: "facts" }, facts.join(" · ")));
    if (!now.used) text.append(make("p", { class: "reason" }, now.reason ?? one.reason));
    const row = make(
      "li",
      { class: `landmark${now.used ? "" : " rejected"}${one.painted ? " painted" : ""}${one.object ? " object" : ""}`, tabindex: "0" },
      this.thumbnail(one, now),
      text,
      this.dot(one, now, axis),
    );
    for (const [event, number] of [
      ["pointerenter", one.number],
      ["focus", one.number],
      ["pointerleave", null],
      ["blur", null],
    ] as const)
      row.addEventListener(event, () => {
        for (const listener of this.chosen) listener(number);
      });
    return row;
  }

  private thumbnail(one: Landmark, now: LandmarkAt): HTMLElement {
    const frame = make("span", { class: "thumb" });
    if (one.thumb) {
      const seen = one.thumb.masked ? "outline" : "box";
      const what = one.painted ? `place of a person painted in ${one.source}` : `${one.kind} in the photo, with its ${seen}`;
      const away = now.distance_m === null ? "" : `, ${metresText(now.distance_m)} away`;
      const box = make("span", { class: "box" });
      const [left, top, right, bottom] = one.thumb.box;
      Object.assign(box.style, {
        left: `${left * 100}%`,
        top: `${top * 100}%`,
        right: `${(1 - right) * 100}%`,
        bottom: `${(1 - bottom) * 100}%`,
      });
      box.hidden = one.thumb.masked;
      const picture = make("img", { src: `data:image/jpeg;base64,${one.thumb.jpeg}`, alt: `${what}${away}` });
      frame.append(make("span", { class: "framed" }, picture, box));
    }
    return frame;
  }

  private dot(one: Landmark, now: LandmarkAt, axis: Axis): HTMLElement {
    const { implied } = now;
    if (implied === null) return make("div", { class: "track none" });
    const track = make("div", { class: "track" }, ...this.bands(axis));
    const metres = axis.median * Math.exp(implied);
    track.setAttribute("title", `alone it implies a median depth of ${metresText(metres)}`);
    if (one.log_sigma > 0) {
      const whisker = make("span", { class: "whisker" });
      whisker.style.left = axis.percent(implied - one.log_sigma);
      whisker.style.right = `calc(100% - ${axis.percent(implied + one.log_sigma)})`;
      track.append(whisker);
    }
    const dot = make("span", { class: "dot" });
    dot.style.left = axis.percent(implied);
    const status = make("span", { class: "away" }, `alone it implies a median depth of ${metresText(metres)}`);
    track.append(dot, status);
    return track;
  }
}

/** A logarithmic axis of the photo's median depth; places are logs over the answer. */
class Axis {
  constructor(
    readonly median: number,
    readonly low: number,
    readonly high: number,
  ) {}

  percent(log: number): string {
    const share = (log - this.low) / (this.high - this.low);
    return `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
  }
}
