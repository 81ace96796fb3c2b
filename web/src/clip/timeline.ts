// The slider through time: one frame at a time, the latest that was asked for.

import { find } from "../dom";
import type { Frame } from "./payload";

/** Milliseconds between two frames while playing: as they were filmed, but neither faster nor slower than this. */
const FASTEST_MS = 60;
const SLOWEST_MS = 350;

export class Timeline {
  /** The frame in view, of those of the page. */
  current = 0;
  playing = false;
  private wanted = 0;
  private busy = false;
  private readonly slider = find<HTMLInputElement>("time");
  private readonly button = find<HTMLButtonElement>("play");
  private readonly listeners: (() => void)[] = [];

  constructor(
    private readonly frames: Frame[],
    private readonly show: (number: number) => Promise<void>,
  ) {
    this.slider.max = String(frames.length - 1);
    // Some browsers keep it when the page is loaded again.
    this.slider.value = "0";
    this.slider.addEventListener("input", () => {
      this.stop();
      void this.go(Number(this.slider.value));
    });
    this.button.addEventListener("click", () => (this.playing ? this.stop() : void this.play()));
    document.addEventListener("keydown", (event) => this.key(event));
    const alone = frames.length < 2;
    this.button.hidden = this.slider.hidden = alone;
    this.tell();
  }

  get seconds(): number {
    return this.frames[this.current]!.seconds;
  }

  onFrame(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Show a frame; of those asked for meanwhile, the last. */
  async go(number: number): Promise<void> {
    this.wanted = Math.min(Math.max(number, 0), this.frames.length - 1);
    // Ahead of the picture: the next step of a key counts from here.
    this.slider.value = String(this.wanted);
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted !== this.current) {
        const next = this.wanted;
        await this.show(next);
        this.current = next;
        this.tell();
      }
    } finally {
      this.busy = false;
    }
  }

  /** Show the frame of the page that is nearest to one of the clip. */
  goTo(index: number): void {
    this.stop();
    void this.go(nearest(this.frames, index));
  }

  async play(): Promise<void> {
    this.setPlaying(true);
    if (this.current === this.frames.length - 1) await this.go(0);
    while (this.playing && this.current < this.frames.length - 1) {
      const begin = performance.now();
      const before = this.seconds;
      await this.go(this.current + 1);
      const apart = Math.min(Math.max((this.seconds - before) * 1000, FASTEST_MS), SLOWEST_MS);
      await new Promise((resolve) => setTimeout(resolve, Math.max(apart - (performance.now() - begin), 0)));
    }
    this.stop();
  }

  stop(): void {
    if (this.playing) this.setPlaying(false);
  }

  private setPlaying(playing: boolean): void {
    this.playing = playing;
    this.button.textContent = playing ? "Pause" : "Play";
    for (const listener of this.listeners) listener();
  }

  private tell(): void {
    const text = `${timeText(this.seconds)} · frame ${this.frames[this.current]!.index}`;
    this.slider.setAttribute("aria-valuetext", text);
    find("now").textContent = text;
    for (const listener of this.listeners) listener();
  }

  /** Arrow keys and space, where nothing else takes them. */
  private key(event: KeyboardEvent): void {
    if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      this.stop();
      void this.go(this.wanted + step);
    } else if (event.key === " ") this.playing ? this.stop() : void this.play();
    else return;
    event.preventDefault();
  }
}

export function nearest(frames: Frame[], index: number): number {
  let best = 0;
  frames.forEach((one, k) => {
    if (Math.abs(one.index - index) < Math.abs(frames[best]!.index - index)) best = k;
  });
  return best;
}

export function timeText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")} min`;
}
