// Seen from above: where the camera moved, where it looks, and where people and objects are.

import { find, make, makeSvg, metresText } from "../dom";
import type { Ground } from "../ground";
import type { ClipPayload, Point, Track } from "./payload";
import type { Timeline } from "./timeline";
import { coloursOf, nameOf, trackAt } from "./tracks";

type Spot = [number, number];

const TALLEST_PX = 350;
const NEAR_PX = 220;
/** Least width over height of a drawing, and height over width. */
const NARROWEST = 0.7;
const LEAST_SPAN_M = 2;
/** A path shorter than the first is none; one that takes less of the drawing than the second is drawn alone too. */
const LEAST_PATH_M = 0.05;
const SMALL_PATH = 0.25;

/** Points of the frame of the first camera, on the ground. */
class Floor {
  private readonly right: Point;
  private readonly forward: Point;

  constructor(ground: Ground | null) {
    const down: Point = ground ? (ground.normal.map((one) => -one) as Point) : [0, 1, 0];
    const ahead = down.map((one, k) => (k === 2 ? 1 : 0) - one * down[2]);
    const length = Math.hypot(...ahead);
    this.forward = ahead.map((one) => one / length) as Point;
    const [x, y, z] = this.forward;
    this.right = [down[1] * z - down[2] * y, down[2] * x - down[0] * z, down[0] * y - down[1] * x];
  }

  flat(point: Point): Spot {
    return [dot(this.right, point), dot(this.forward, point)];
  }
}

/** A drawing to scale: what stays in it, and what moves with time. */
class View {
  readonly element: HTMLElement;
  readonly step: number;
  readonly span: Spot;
  private readonly low: Spot;
  private readonly svg: SVGElement;
  private readonly moving = makeSvg("g", {});
  private readonly labels = make("div", { class: "plan-labels" });

  constructor(spots: Spot[], least: number, title: string, tallest = TALLEST_PX) {
    const [x, y] = [0, 1].map((k) => extent(spots.map((one) => one[k as 0 | 1]), least)) as [Spot, Spot];
    widen(x, NARROWEST * (y[1] - y[0]));
    widen(y, NARROWEST * (x[1] - x[0]));
    this.low = [x[0], y[0]];
    this.span = [x[1] - x[0], y[1] - y[0]];
    this.step = gridStep(Math.max(...this.span));
    this.svg = makeSvg("svg", { viewBox: `${x[0]} ${-y[1]} ${this.span[0]} ${this.span[1]}`, role: "img" });
    this.svg.setAttribute("aria-label", title);
    this.svg.append(this.grid(x, y), this.moving);
    this.element = make("div", { class: "plan" }, this.svg, this.labels);
    this.element.style.aspectRatio = `${this.span[0]} / ${this.span[1]}`;
    this.element.style.width = `${Math.round((tallest * this.span[0]) / this.span[1])}px`;
  }

  add(...marks: SVGElement[]): void {
    for (const one of marks) this.svg.insertBefore(one, this.moving);
  }

  move(marks: SVGElement[], labels: HTMLElement[]): void {
    this.moving.replaceChildren(...marks);
    this.labels.replaceChildren(...labels);
  }

  dot([x, y]: Spot, share: number, tint: string, hollow = false): SVGElement {
    const radius = share * Math.max(...this.span);
    const one = makeSvg("circle", { cx: String(x), cy: String(-y), r: String(radius), class: hollow ? "hollow" : "" });
    one.style.color = tint;
    return one;
  }

  label(text: string, [x, y]: Spot, faint: boolean): HTMLElement {
    const share = (x - this.low[0]) / this.span[0];
    const label = make("span", { class: `${faint ? "faint" : ""}${share > 0.6 ? " left" : ""}` }, text);
    label.style.left = `${100 * share}%`;
    label.style.bottom = `${(100 * (y - this.low[1])) / this.span[1]}%`;
    return label;
  }

  wedge(at: Spot, turn: number, half: number): SVGElement {
    const reach = 0.2 * Math.max(...this.span);
    const corner = (angle: number) => [at[0] + reach * Math.sin(angle), -(at[1] + reach * Math.cos(angle))].join(" ");
    const d = `M${at[0]} ${-at[1]} L${corner(turn - half)} L${corner(turn + half)} Z`;
    return makeSvg("path", { d, class: "wedge" });
  }

  private grid(x: Spot, y: Spot): SVGElement {
    const lines: string[] = [];
    const { step } = this;
    for (let at = Math.ceil(x[0] / step) * step; at <= x[1]; at += step) lines.push(`M${at} ${-y[0]} V${-y[1]}`);
    for (let at = Math.ceil(y[0] / step) * step; at <= y[1]; at += step) lines.push(`M${x[0]} ${-at} H${x[1]}`);
    return makeSvg("path", { d: lines.join(""), class: "grid" });
  }
}

export class Plan {
  private readonly floor: Floor;
  private readonly whole: View;
  /** The path alone, where it is small beside the scene. */
  private readonly near: View | null;
  private readonly colours: Map<number, string>;

  constructor(
    private readonly payload: ClipPayload,
    private readonly timeline: Timeline,
    private readonly ground: Ground | null,
    private readonly still: boolean,
  ) {
    this.colours = coloursOf(payload);
    this.floor = new Floor(ground);
    const path = payload.path.places.map((one) => this.floor.flat(one));
    const seen = payload.tracks.filter((one) => one.verdict === "used" && one.kind !== "prior");
    const spotsOf = (track: Track) =>
      track.sightings.flatMap((each) => (each.place ? [this.floor.flat(each.place)] : []));
    this.whole = new View([...path, ...seen.flatMap(spotsOf)], LEAST_SPAN_M, "The scene seen from above");
    for (const track of seen) {
      // An object stays where it is: what moves is the error of its depth.
      if (track.kind !== "person") continue;
      const spots = spotsOf(track);
      const tint = this.colours.get(track.number)!;
      if (spots.length > 1) this.whole.add(polyline(spots, "trail", tint));
      this.whole.add(...spots.map((one) => this.whole.dot(one, 0.006, tint, true)));
    }
    const long = Math.max(...[0, 1].map((k) => spread(path.map((one) => one[k as 0 | 1]))));
    this.near = long > LEAST_PATH_M && long < SMALL_PATH * Math.max(...this.whole.span) ? new View(path, 0, "The camera’s path, enlarged", NEAR_PX) : null;
    for (const view of this.views) if (path.length > 1 && long > 0) view.add(polyline(path, "path", "var(--accent)"));
    find("plan").replaceChildren(
      ...this.views.map((one) =>
        make("figure", {}, one.element, make("figcaption", {}, `${one === this.near ? "the path alone, " : ""}grid ${one.step} m`)),
      ),
    );
    find("plan-note").textContent = this.words(path);
    this.refresh();
    timeline.onFrame(() => this.refresh());
  }

  private get views(): View[] {
    return this.near ? [this.whole, this.near] : [this.whole];
  }

  private refresh(): void {
    const { payload } = this;
    const frame = payload.frames[this.timeline.current]!;
    const [place, axis] = frame.camera;
    const at = this.floor.flat(place);
    const ahead = this.floor.flat(axis);
    const turn = Math.atan2(ahead[0], ahead[1]);
    const half = Math.atan(payload.photo.width / 2 / payload.camera.fx);
    const { whole, near } = this;
    const marks: SVGElement[] = [];
    const labels: HTMLElement[] = [];
    for (const track of payload.tracks) {
      if (track.verdict !== "used" || track.kind === "prior") continue;
      const there = trackAt(track, frame.index, this.still)?.place;
      if (!there) continue;
      const spot = this.floor.flat(there);
      const person = track.kind === "person";
      marks.push(whole.dot(spot, person ? 0.014 : 0.007, this.colours.get(track.number) ?? "var(--muted)"));
      labels.push(whole.label(person ? nameOf(track) : track.label, spot, !person));
    }
    for (const view of this.views)
      view.move(
        [view.wedge(at, turn, half), ...(view === near ? [] : marks), view.dot(at, 0.014, "var(--accent)")],
        [...(view === near ? [] : labels), view.label("camera", at, false)],
      );
  }

  private words(path: Spot[]): string {
    if (this.payload.clip.static_camera) return "The camera stands still. Rings: where people were seen.";
    if (!this.payload.followed)
      return "The camera’s motion was not followed, because the relative depth was given: places are those before a camera that stands still.";
    const long = path.slice(1).reduce((sum, one, k) => sum + Math.hypot(one[0] - path[k]![0], one[1] - path[k]![1]), 0);
    const far = Math.max(...path.map((one) => Math.hypot(one[0] - path[0]![0], one[1] - path[0]![1])));
    const level = this.ground ? "" : " No ground was found: above is above the first picture.";
    return `The camera moved along ${metresText(long)}, at most ${metresText(far)} from where it began.${level}`;
  }
}

function polyline(spots: Spot[], name: string, tint: string): SVGElement {
  const line = makeSvg("path", { d: `M${spots.map(([x, y]) => `${x} ${-y}`).join(" L")}`, class: name });
  line.setAttribute("vector-effect", "non-scaling-stroke");
  line.style.stroke = tint;
  return line;
}

/** Ends with a margin, the origin among them, never narrower than asked. */
function extent(values: number[], least: number): Spot {
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)];
  const margin = Math.max(0.14 * (high - low), 0.2 * least, 0.03, (least - (high - low)) / 2);
  return [low - margin, high + margin];
}

/** Move both ends apart until there is so much between them. */
function widen(ends: Spot, least: number): void {
  const more = Math.max((least - (ends[1] - ends[0])) / 2, 0);
  ends[0] -= more;
  ends[1] += more;
}

function spread(values: number[]): number {
  return Math.max(...values) - Math.min(...values);
}

function gridStep(span: number): number {
  return [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].find((one) => span / one <= 14) ?? 200;
}

function dot(a: Point, b: Point): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
