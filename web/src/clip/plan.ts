// Seen from above: where the camera moved, where it looks, and where people and objects are.

import { find, make, makeSvg, metresText } from "../dom";
import type { Ground } from "../ground";
import type { ClipPayload, Point } from "./payload";
import type { Timeline } from "./timeline";
import { coloursOf, nameOf, trackAt } from "./tracks";

type Spot = [number, number];

const TALLEST_PX = 460;
const LEAST_SPAN_M = 2;

export class Plan {
  private readonly svg: SVGElement;
  private readonly moving = makeSvg("g", {});
  private readonly labels = make("div", { class: "plan-labels" });
  private readonly low: Spot;
  private readonly span: Spot;
  private readonly colours: Map<number, string>;

  constructor(
    private readonly payload: ClipPayload,
    private readonly timeline: Timeline,
    private readonly ground: Ground | null,
    private readonly still: boolean,
  ) {
    this.colours = coloursOf(payload);
    const path = payload.path.places.map((one) => this.flat(one));
    const trails = payload.tracks.filter((one) => one.verdict === "used" && one.kind !== "prior");
    const places = trails.flatMap((one) => one.sightings.flatMap((each) => (each.place ? [this.flat(each.place)] : [])));
    const all = [...path, ...places];
    const [x, y] = [0, 1].map((k) => extent(all.map((one) => one[k as 0 | 1]))) as [Spot, Spot];
    this.low = [x[0], y[0]];
    this.span = [x[1] - x[0], y[1] - y[0]];
    this.svg = makeSvg("svg", { viewBox: `${x[0]} ${-y[1]} ${this.span[0]} ${this.span[1]}`, role: "img" });
    const step = gridStep(Math.max(...this.span));
    this.svg.append(this.grid(x, y, step));
    for (const track of trails) {
      const spots = track.sightings.flatMap((each) => (each.place ? [this.flat(each.place)] : []));
      // An object stays where it is: what moves is the error of its depth.
      if (track.kind === "person" && spots.length > 1)
        this.svg.append(polyline(spots, "trail", this.colours.get(track.number)!));
    }
    if (path.length > 1) this.svg.append(polyline(path, "path", "var(--accent)"));
    this.svg.append(this.moving);
    const frame = make("div", { class: "plan" }, this.svg, this.labels);
    frame.style.aspectRatio = `${this.span[0]} / ${this.span[1]}`;
    frame.style.maxWidth = `${Math.round((TALLEST_PX * this.span[0]) / this.span[1])}px`;
    find("plan").replaceChildren(frame);
    find("plan-note").textContent = this.words(path, step);
    this.refresh();
    timeline.onFrame(() => this.refresh());
  }

  /** A point in the frame of the first camera, on the ground. */
  private flat(point: Point): Spot {
    const down: Point = this.ground ? (this.ground.normal.map((one) => -one) as Point) : [0, 1, 0];
    const ahead = down.map((one, k) => (k === 2 ? 1 : 0) - one * down[2]);
    const length = Math.hypot(...ahead);
    const forward = ahead.map((one) => one / length) as Point;
    const right: Point = [
      down[1] * forward[2] - down[2] * forward[1],
      down[2] * forward[0] - down[0] * forward[2],
      down[0] * forward[1] - down[1] * forward[0],
    ];
    return [dot(right, point), dot(forward, point)];
  }

  private refresh(): void {
    const { payload } = this;
    const frame = payload.frames[this.timeline.current]!;
    const [place, axis] = frame.camera;
    const at = this.flat(place);
    const [ahead, origin] = [this.flat(axis), this.flat([0, 0, 0])];
    const turn = Math.atan2(ahead[0] - origin[0], ahead[1] - origin[1]);
    const half = Math.atan(payload.photo.width / 2 / payload.camera.fx);
    const reach = 0.2 * Math.max(...this.span);
    const corner = (angle: number) => [at[0] + reach * Math.sin(angle), -(at[1] + reach * Math.cos(angle))].join(" ");
    const wedge = makeSvg("path", {
      d: `M${at[0]} ${-at[1]} L${corner(turn - half)} L${corner(turn + half)} Z`,
      class: "wedge",
    });
    const marks: SVGElement[] = [];
    const labels: HTMLElement[] = [];
    for (const track of payload.tracks) {
      if (track.verdict !== "used" || track.kind === "prior") continue;
      const there = trackAt(track, frame.index, this.still)?.place;
      if (!there) continue;
      const spot = this.flat(there);
      marks.push(this.dot(spot, track.kind === "person" ? 0.012 : 0.007, this.colours.get(track.number) ?? "var(--muted)"));
      labels.push(this.label(track.kind === "person" ? nameOf(track) : track.label, spot, track.kind === "object"));
    }
    this.moving.replaceChildren(wedge, ...marks, this.dot(at, 0.012, "var(--accent)"));
    this.labels.replaceChildren(...labels, this.label("camera", at, false));
    this.svg.setAttribute("aria-label", `Seen from above at ${frame.seconds.toFixed(2)} s`);
  }

  private dot([x, y]: Spot, share: number, tint: string): SVGElement {
    const one = makeSvg("circle", { cx: String(x), cy: String(-y), r: String(share * Math.max(...this.span)) });
    one.style.fill = tint;
    return one;
  }

  private label(text: string, [x, y]: Spot, faint: boolean): HTMLElement {
    const label = make("span", faint ? { class: "faint" } : {}, text);
    label.style.left = `${(100 * (x - this.low[0])) / this.span[0]}%`;
    label.style.bottom = `${(100 * (y - this.low[1])) / this.span[1]}%`;
    return label;
  }

  private grid(x: Spot, y: Spot, step: number): SVGElement {
    const lines: string[] = [];
    for (let at = Math.ceil(x[0] / step) * step; at <= x[1]; at += step) lines.push(`M${at} ${-y[0]} V${-y[1]}`);
    for (let at = Math.ceil(y[0] / step) * step; at <= y[1]; at += step) lines.push(`M${x[0]} ${-at} H${x[1]}`);
    return makeSvg("path", { d: lines.join(""), class: "grid" });
  }

  private words(path: Spot[], step: number): string {
    const lines = `Grid lines ${step} m apart.`;
    if (this.payload.clip.static_camera) return `The camera stands still. ${lines}`;
    if (!this.payload.followed)
      return `The camera’s motion was not followed, because the relative depth was given: places are those before a camera that stands still. ${lines}`;
    const long = path.slice(1).reduce((sum, one, k) => sum + Math.hypot(one[0] - path[k]![0], one[1] - path[k]![1]), 0);
    const far = Math.max(...path.map((one) => Math.hypot(one[0] - path[0]![0], one[1] - path[0]![1])));
    const level = this.ground ? "" : " No ground was found: above is above the first picture.";
    return `The camera moved along ${metresText(long)}, at most ${metresText(far)} from where it began. ${lines}${level}`;
  }
}

function polyline(spots: Spot[], name: string, tint: string): SVGElement {
  const line = makeSvg("path", { d: `M${spots.map(([x, y]) => `${x} ${-y}`).join(" L")}`, class: name });
  line.setAttribute("vector-effect", "non-scaling-stroke");
  line.style.stroke = tint;
  return line;
}

/** Ends with a margin, never narrower than a room. */
function extent(values: number[]): Spot {
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)];
  const margin = Math.max(0.12 * (high - low), 0.4, (LEAST_SPAN_M - (high - low)) / 2);
  return [low - margin, high + margin];
}

function gridStep(span: number): number {
  return [0.5, 1, 2, 5, 10, 20, 50, 100].find((one) => span / one <= 14) ?? 200;
}

function dot(a: Point, b: Point): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
