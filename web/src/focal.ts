// The focal length: where it came from, and a slider that refits.

import { find } from "./dom";
import type { Model } from "./model";

const STEPS = 400;
const FULL_FRAME_MM = 36;

export function showFocal(model: Model): void {
  const { payload } = model;
  const { width, height } = payload.photo;
  const slider = find<HTMLInputElement>("focal");
  const reset = find<HTMLButtonElement>("focal-reset");
  const range = model.focalRange;
  const sigma = payload.focal.relative_sigma;
  find("focal-source").textContent = payload.focal.detail + (sigma ? `, good to ${Math.round(sigma * 100)} %` : "");
  find("focal-part").classList.toggle("fixed", !range);
  find("focal-moves").textContent = !range
    ? "Without the evidence of this photo the page cannot fit again."
    : payload.by_focal.length === 1
      ? "Here all depth is proportional to the focal length; sizes across the picture stay."
      : "What moves in proportion: objects and painted people. A measured body keeps its relief while its middle moves, " +
        "and a distance that you gave stays.";
  slider.max = String(STEPS);
  const [least, most] = range ?? [1, 1];
  const step = (factor: number) => Math.round((Math.log(factor / least) / Math.log(most / least)) * STEPS);
  const update = () => {
    const { factor, given, camera } = model.answer;
    if (range) slider.value = String(step(factor));
    const equivalent = (camera.fx / Math.max(width, height)) * FULL_FRAME_MM;
    const view = (2 * Math.atan(width / 2 / camera.fx) * 180) / Math.PI;
    const text = `${camera.fx.toFixed(0)} px, ${equivalent.toFixed(0)} mm equivalent, ${view.toFixed(0)}° across`;
    find("focal-now").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    reset.disabled = !given;
    find("focal-command").textContent = given ? `mfh refit evidence.npz --focal-px ${camera.fx.toFixed(1)}` : "";
  };
  if (range) {
    let waiting = false;
    slider.addEventListener("input", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        model.setFocal(least * (most / least) ** (Number(slider.value) / STEPS));
      });
    });
    reset.addEventListener("click", () => {
      model.setFocal(null);
      slider.focus();
    });
  }
  model.onChange(update);
  update();
}
