// The scene in three dimensions: points, figures, measured lengths; drawn when something changes, never in a loop.

import {
  AmbientLight,
  DirectionalLight,
  Group,
  PerspectiveCamera,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { Cloud } from "./cloud";
import { colour, find, make } from "./dom";
import { emphasize, frustum, groundGrid, landmarkFigures, segments } from "./figures";
import type { Pixel } from "./lengths";
import { type Measuring, textOf } from "./measuring";
import type { Model } from "./model";

type ViewName = "camera" | "orbit" | "top" | "side";

const NEAR_PX = 9;
const CLICK_PX = 5;
/** Milliseconds between frames above which fewer points are drawn while the scene turns, and below which more. */
const SLOW_MS = 45;
const QUICK_MS = 20;
const LEAST_SHARE = 1 / 32;

export class SolidStage {
  private readonly scene = new Scene();
  private readonly eye = new PerspectiveCamera(50, 1, 0.01, 5000);
  private readonly renderer: WebGLRenderer;
  private readonly controls: OrbitControls;
  private readonly cloud: Cloud;
  private readonly labels = find("labels");
  private readonly canvas = find<HTMLCanvasElement>("cloud");
  private surroundings = new Group();
  private figures = new Map<number, Group>();
  private lengths = new Group();
  private middle = new Vector3();
  private radius = 1;
  private waiting = false;
  private turning = false;
  /** Share of the points drawn while the scene turns, as many as the machine keeps up with. */
  private share = 1;
  private last = 0;
  private pressed: [number, number] | null = null;
  private highlighted: number | null = null;
  private marked: Vector3 | null = null;
  private readonly marker = make("span", { class: "marker" });

  constructor(
    private readonly model: Model,
    private readonly measuring: Measuring,
    photo: HTMLImageElement,
  ) {
    this.renderer = new WebGLRenderer({ canvas: this.canvas, antialias: true, preserveDrawingBuffer: true });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    this.cloud = new Cloud(model, () => measuring.ground, photo);
    const sun = new DirectionalLight(0xffffff, 2);
    sun.position.set(0.4, 1, 0.8);
    this.scene.add(this.cloud.points, new AmbientLight(0xffffff, 1.4), sun, this.lengths, this.surroundings);
    this.controls = new OrbitControls(this.eye, this.canvas);
    this.controls.addEventListener("change", () => this.draw());
    this.controls.addEventListener("start", () => (this.turning = true));
    this.controls.addEventListener("end", () => {
      this.turning = false;
      this.draw();
    });
    this.controls.listenToKeyEvents(this.canvas);
    for (const button of document.querySelectorAll<HTMLButtonElement>("#angles button"))
      button.addEventListener("click", () => this.look(button.value as ViewName));
    this.canvas.addEventListener("pointerdown", (event) => {
      this.pressed = [event.clientX, event.clientY];
      this.canvas.focus();
    });
    // The wheel turns the page, until the scene has the focus.
    this.controls.enableZoom = false;
    this.canvas.addEventListener("focus", () => (this.controls.enableZoom = true));
    this.canvas.addEventListener("blur", () => (this.controls.enableZoom = false));
    const shown = find<HTMLButtonElement>("figures");
    shown.addEventListener("click", () => {
      shown.setAttribute("aria-pressed", String(shown.getAttribute("aria-pressed") !== "true"));
      this.build();
    });
    this.canvas.addEventListener("pointerup", (event) => this.released(event));
    this.canvas.addEventListener("keydown", (event) => this.zoom(event));
    measuring.onChange(() => this.drawLengths());
    model.onChange(() => {
      this.cloud.fill();
      this.build();
    });
    this.build();
    this.look("orbit");
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement!);
    this.resize();
  }

  /** Draw figures again, in the colours of now. */
  build(): void {
    const { model, measuring } = this;
    const [near, median, far] = model.range();
    this.middle.set(0, 0, -(Number.isFinite(median) ? median : 1));
    this.radius = Number.isFinite(far) ? Math.min(far, median * 3) : 1;
    this.scene.remove(this.surroundings);
    this.surroundings = new Group();
    const lines = colour("--scene-lines");
    this.figures = landmarkFigures(model, measuring.ground, {
      person: colour("--person"),
      object: colour("--object"),
      painted: colour("--painted"),
      lines,
    });
    for (const group of this.figures.values()) group.visible = this.areShown();
    this.surroundings.add(...this.figures.values());
    this.surroundings.add(frustum(model, Math.max(0.12 * median, 0.3 * near) || 0.3, lines));
    let caption = "Drag to turn, click two places to measure. After a click the wheel comes nearer.";
    if (measuring.ground) {
      const grid = groundGrid(measuring.ground, this.radius * 1.2, lines);
      this.surroundings.add(grid.lines);
      caption += ` Ground lines ${grid.step} m apart; the camera is ${measuring.ground.height.toFixed(2)} m above it.`;
    }
    find("scene-note").textContent = caption;
    this.scene.add(this.surroundings);
    emphasize(this.figures, this.highlighted);
    this.drawLengths();
  }

  /** Mark the place of another picture's cursor, without drawing the points again. */
  point(pixel: Pixel | null): void {
    this.marked = pixel && this.world(pixel);
    this.placeLabels();
  }

  private areShown(): boolean {
    return find("figures").getAttribute("aria-pressed") === "true";
  }

  highlight(number: number | null): void {
    this.highlighted = number;
    for (const [key, group] of this.figures) group.visible = this.areShown() || key === number;
    emphasize(this.figures, number);
    this.draw();
  }

  look(name: ViewName): void {
    for (const button of document.querySelectorAll<HTMLButtonElement>("#angles button"))
      button.setAttribute("aria-pressed", String(button.value === name));
    const { eye } = this;
    const { photo } = this.model.payload;
    const { fx, fy } = this.model.answer.camera;
    const { right, up, forward, middle, half } = this.extent();
    if (name === "camera") {
      const tall = Math.max(photo.height / fy, photo.width / fx / Math.max(this.aspect(), 0.1));
      eye.fov = (2 * Math.atan(tall / 2) * 180) / Math.PI;
      eye.up.set(0, 1, 0);
      eye.position.set(0, 0, 0.001);
      this.controls.target.copy(this.middle);
    } else {
      eye.fov = 38;
      const fit = (wide: number, tall: number) =>
        Math.max(tall, wide / Math.max(this.aspect(), 0.1)) / Math.tan((eye.fov * Math.PI) / 360);
      const from = {
        // Beside the camera of the photo and above it: the picture is still known, and its depth is seen.
        orbit: right.clone().multiplyScalar(-0.45).addScaledVector(up, 0.34).addScaledVector(forward, -0.9),
        top: up.clone().addScaledVector(forward, -0.002),
        side: right.clone().negate(),
      }[name].normalize();
      const away = {
        orbit: 1.02 * fit(half.x, half.y) + 0.6 * half.z,
        top: 1.1 * fit(half.x, half.z) + half.y,
        side: 1.1 * fit(half.z, half.y) + half.x,
      }[name];
      eye.up.copy(up);
      eye.position.copy(middle).addScaledVector(from, away);
      this.controls.target.copy(middle);
    }
    eye.updateProjectionMatrix();
    this.controls.update();
    this.draw();
  }

  /** The scene's own directions, level with the ground where there is one, and its middle and half sizes along them. */
  private extent(): Record<"right" | "up" | "forward" | "middle" | "half", Vector3> {
    const { ground } = this.measuring;
    const up = ground ? new Vector3(ground.normal[0], -ground.normal[1], -ground.normal[2]) : new Vector3(0, 1, 0);
    const ahead = new Vector3(0, 0, -1);
    const forward = ahead.addScaledVector(up, -ahead.dot(up)).normalize();
    const right = forward.clone().cross(up);
    const { positions, index } = this.cloud;
    const axes = [right, up, forward].map((axis) => {
      const places: number[] = [0];
      for (let k = 0; k < index.length; k += 97)
        places.push(axis.x * positions[k * 3]! + axis.y * positions[k * 3 + 1]! + axis.z * positions[k * 3 + 2]!);
      places.sort((a, b) => a - b);
      const at = (share: number) => places[Math.round(share * (places.length - 1))]!;
      const [low, high] = [at(0.01), at(0.97)];
      return { axis, middle: (low + high) / 2, half: Math.max((high - low) / 2, 0.05) };
    });
    const middle = new Vector3();
    for (const one of axes) middle.addScaledVector(one.axis, one.middle);
    return { right, up, forward, middle, half: new Vector3(...axes.map((one) => one.half)) };
  }

  private aspect(): number {
    return this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.canvas.parentElement!;
    if (!clientWidth || !clientHeight) return;
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.eye.aspect = clientWidth / clientHeight;
    this.eye.updateProjectionMatrix();
    this.draw();
  }

  private draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      const took = now - this.last;
      this.last = now;
      if (this.turning && took < 1000)
        this.share = Math.min(1, Math.max(LEAST_SHARE, took > SLOW_MS ? this.share / 2 : took < QUICK_MS ? this.share * 1.5 : this.share));
      this.cloud.show(this.turning ? this.share : 1);
      this.render();
    });
  }

  /** Draw one frame now. */
  render(): void {
    const ratio = this.renderer.getPixelRatio();
    const tall = this.canvas.clientHeight * ratio;
    this.cloud.points.material.uniforms.pixels!.value = tall / 2 / Math.tan((this.eye.fov * Math.PI) / 360);
    this.renderer.setClearColor(colour("--scene") || "#202020");
    this.renderer.render(this.scene, this.eye);
    this.placeLabels();
  }

  private world(pixel: Pixel): Vector3 | null {
    const value = this.model.valueAt(...pixel);
    const depth = Number.isFinite(value) ? this.model.metres(value) : NaN;
    if (!(depth <= this.model.answer.limit)) return null;
    const [x, y, z] = this.model.point(...pixel, depth);
    return new Vector3(x, -y, -z);
  }

  private drawLengths(): void {
    this.lengths.clear();
    this.labels.replaceChildren(this.marker);
    this.measuring.done.forEach((one, k) => {
      const [start, finish] = [this.world(one.start), this.world(one.end)];
      if (!start || !finish) return;
      const lines = segments([...start, ...finish], "#ffd60a", 1);
      (lines.material as { depthTest: boolean }).depthTest = false;
      lines.renderOrder = 2;
      this.lengths.add(lines);
      this.addLabel(`${String.fromCharCode(65 + (k % 26))}  ${textOf(one)}`, start.add(finish).multiplyScalar(0.5));
    });
    const open = this.measuring.open && this.world(this.measuring.open);
    if (open) this.addLabel("first end", open);
    this.draw();
  }

  private addLabel(text: string, place: Vector3): void {
    const label = make("span", { class: "label" }, text);
    Object.assign(label, { place });
    this.labels.append(label);
  }

  private placeLabels(): void {
    for (const label of this.labels.children)
      if (label !== this.marker) this.place(label as HTMLElement, (label as unknown as { place: Vector3 }).place);
    if (this.marked) this.place(this.marker, this.marked);
    else this.marker.hidden = true;
  }

  private place(element: HTMLElement, point: Vector3): void {
    const at = point.clone().project(this.eye);
    element.hidden = at.z > 1 || Math.abs(at.x) > 1.1 || Math.abs(at.y) > 1.1;
    element.style.left = `${(at.x * 0.5 + 0.5) * 100}%`;
    element.style.top = `${(0.5 - at.y * 0.5) * 100}%`;
  }

  private released(event: PointerEvent): void {
    const from = this.pressed;
    this.pressed = null;
    if (!from || Math.hypot(event.clientX - from[0], event.clientY - from[1]) > CLICK_PX) return;
    const box = this.canvas.getBoundingClientRect();
    const pixel = this.pixelUnder(event.clientX - box.left, event.clientY - box.top);
    if (pixel) this.measuring.click(pixel);
  }

  /** The pixel of the photo whose point is nearest to the viewer, of those next to a place on the canvas. */
  pixelUnder(x: number, y: number): Pixel | null {
    this.eye.updateMatrixWorld();
    const matrix = this.eye.projectionMatrix.clone().multiply(this.eye.matrixWorldInverse).elements;
    const { positions, index } = this.cloud;
    const [wide, tall] = [this.canvas.clientWidth, this.canvas.clientHeight];
    let best = -1;
    let least = Infinity;
    for (let k = 0; k < index.length; k++) {
      const [px, py, pz] = [positions[k * 3]!, positions[k * 3 + 1]!, positions[k * 3 + 2]!];
      const w = matrix[3]! * px + matrix[7]! * py + matrix[11]! * pz + matrix[15]!;
      if (w <= 0) continue;
      const u = ((matrix[0]! * px + matrix[4]! * py + matrix[8]! * pz + matrix[12]!) / w + 1) * 0.5 * wide - x;
      const v = (1 - (matrix[1]! * px + matrix[5]! * py + matrix[9]! * pz + matrix[13]!) / w) * 0.5 * tall - y;
      const apart = Math.hypot(u, v);
      // A little nearer to the place counts as much as a little nearer to the viewer.
      const cost = w * (1 + (apart / NEAR_PX) ** 2 * 0.2);
      if (apart < NEAR_PX && cost < least) [best, least] = [k, cost];
    }
    return best < 0 ? null : this.model.pixelOf(index[best]!);
  }

  private zoom(event: KeyboardEvent): void {
    const factor = { "+": 0.85, "=": 0.85, "-": 1.18 }[event.key];
    if (!factor) return;
    this.eye.position.sub(this.controls.target).multiplyScalar(factor).add(this.controls.target);
    this.controls.update();
    this.draw();
    event.preventDefault();
  }
}
