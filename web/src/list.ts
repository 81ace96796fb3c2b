// The list of measured lengths below the pictures.

import { find, make } from "./dom";
import { type Measured, type Measuring, textOf } from "./measuring";

/** Words of the list: where lengths may be measured, and the note beside one. */
export interface ListWords {
  hint: string;
  note: (one: Measured) => string;
}

export function showList(measuring: Measuring, words: ListWords): void {
  const list = find<HTMLOListElement>("lengths");
  const hint = find("hint");
  const all = find<HTMLButtonElement>("copy-all");
  const status = find("status");
  const update = () => {
    list.replaceChildren(...measuring.done.map((one, k) => row(measuring, one, k, status, words)));
    all.hidden = measuring.done.length < 2;
    hint.textContent = measuring.open
      ? "Now the other end. Escape takes the first one back."
      : `${words.hint} Keys: arrows move, Enter sets an end.`;
    const last = measuring.done.at(-1);
    if (last && !measuring.open) status.textContent = textOf(last);
  };
  all.addEventListener("click", () => copy(measuring.done.map(describe).join("\n"), all));
  measuring.onChange(update);
  update();
}

function row(
  measuring: Measuring,
  one: Measured,
  number: number,
  status: HTMLElement,
  words: ListWords,
): HTMLLIElement {
  const button = make("button", { type: "button", class: "quiet" }, "Copy");
  button.addEventListener("click", () => copy(describe(one), button));
  const gone = make("button", { type: "button", class: "quiet", "aria-label": `Remove length ${number + 1}` }, "Remove");
  gone.addEventListener("click", () => {
    measuring.remove(number);
    status.textContent = "Removed";
    find("overlay").focus();
  });
  return make(
    "li",
    {},
    make("span", { class: "key", "aria-hidden": "true" }, String.fromCharCode(65 + (number % 26))),
    make("span", { class: "metres" }, textOf(one)),
    make("span", { class: "note" }, words.note(one)),
    make("span", { class: "acts" }, button, gone),
  );
}

export function heightsText(one: Measured): string {
  if (!one.heights) return "";
  const [a, b] = one.heights.map((height) => `${height.toFixed(2).replace(/^-0\.00$/, "0.00")} m`);
  return `heights of the ends above the ground: ${a} and ${b}`;
}

function describe(one: Measured): string {
  const place = (pixel: [number, number]) => pixel.map((side) => Math.round(side)).join(",");
  return `${textOf(one)} from ${place(one.start)} to ${place(one.end)}`;
}

/** Copy a text: with the clipboard where the page may, else by a selection. */
async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { class: "away", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
}
