// Distance over time: one line a person, what each measured by its own size as dots, and the time in view.

import { ticks } from "../colours";
import { make, makeSvg } from "../dom";
import type { ClipPayload } from "./payload";
import { coloursOf } from "./tracks";

/** Times of the clip along an axis. */
export class TimeAxis {
  readonly first: number;
  readonly last: number;

  constructor(payload: ClipPayload) {
    const { frames } = payload;
    this.first = frames[0]!.seconds;
    this.last = Math.max(frames[frames.length - 1]!.seconds, this.first + 1e-3);
  }

  share(seconds: number): number {
    return Math.min(Math.max((seconds - this.first) / (this.last - this.first), 0), 1);
  }

  percent(seconds: number): string {
    return `${(100 * this.share(seconds)).toFixed(2)}%`;
  }

  labels(): HTMLElement {
    const labels = make("div", { class: "track axis" });
    for (const tick of ticks(this.first, this.last, false)) {
      const label = make("span", {}, `${tick} s`);
      label.style.left = this.percent(tick);
      labels.append(label);
    }
    return labels;
  }
}

/** The line of the time in view, which moveNow moves. */
export function nowLine(): HTMLElement {
  return make("span", { class: "answer-line now-line" });
}

export function moveNow(axis: TimeAxis, seconds: number): void {
  for (const one of document.querySelectorAll<HTMLElement>(".now-line")) one.style.left = axis.percent(seconds);
}

export function plot(payload: ClipPayload, axis: TimeAxis): HTMLElement {
  const shown = payload.tracks.filter((one) => one.verdict === "used" && one.kind !== "prior");
  const metres = shown.flatMap((one) => one.sightings.flatMap((each) => [each.distance_m, each.measured_m]));
  const known = metres.filter((one): one is number => one !== null);
  const frame = make("div", { class: "track distances" });
  if (!known.length) return frame;
  const most = Math.max(...known) * 1.06;
  const least = Math.min(...known) < 0.6 * most ? 0 : Math.min(...known) * 0.94;
  const up = (value: number) => (value - least) / (most - least);
  for (const tick of ticks(least, most, false)) {
    const line = make("span", { class: "level" }, make("span", {}, `${tick} m`));
    line.style.bottom = `${100 * up(tick)}%`;
    frame.append(line);
  }
  const svg = makeSvg("svg", { viewBox: "0 0 1000 1000", preserveAspectRatio: "none", class: "curve", role: "img" });
  svg.setAttribute("aria-label", "Distance of people and objects over time; the list below has them one by one");
  const dots: HTMLElement[] = [];
  const colours = coloursOf(payload);
  for (const track of shown) {
    const tint = colours.get(track.number) ?? "var(--muted)";
    const person = track.kind === "person";
    const points: string[] = [];
    for (const one of track.sightings) {
      // What stays is there at all times.
      const times = one.seconds === null ? [axis.first, axis.last] : [one.seconds];
      if (one.distance_m !== null)
        for (const time of times)
          points.push(`${(1000 * axis.share(time)).toFixed(1)} ${(1000 * (1 - up(one.distance_m))).toFixed(1)}`);
      if (!person || one.seconds === null) continue;
      for (const [value, name] of [
        [one.distance_m, "spot"],
        [one.measured_m, "spot alone"],
      ] as const) {
        if (value === null) continue;
        const dot = make("span", { class: name });
        Object.assign(dot.style, { left: axis.percent(one.seconds), bottom: `${100 * up(value)}%`, color: tint });
        dots.push(dot);
      }
    }
    if (points.length > 1) {
      const line = makeSvg("path", { d: `M${points.join(" L")}`, class: person ? "line" : "line thing" });
      line.setAttribute("vector-effect", "non-scaling-stroke");
      line.style.stroke = tint;
      line.dataset.track = String(track.number);
      svg.append(line);
    }
  }
  frame.append(svg, ...dots, nowLine());
  return frame;
}
