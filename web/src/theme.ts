// Light or dark: as the system has it, until the reader chooses.

import { find } from "./dom";

export function watchTheme(changed: () => void): void {
  const button = find<HTMLButtonElement>("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const update = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
    changed();
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    update();
  });
  system.addEventListener("change", update);
  update();
}
