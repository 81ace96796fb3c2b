// The answer in one line, and what it rests on; and at the end how to make it again.

import { find, make, metresText } from "./dom";
import type { Model } from "./model";
import type { Payload } from "./payload";

export function showAnswer(model: Model): void {
  const update = () => {
    const { payload, answer } = model;
    const [nearest, median, farthest] = model.range();
    const interval = answer.level80;
    find("lead").replaceChildren(
      make("b", {}, metresText(median)),
      make("span", {}, interval ? " median depth, " : " median depth"),
      ...(interval
        ? [
            make("b", {}, `${metresText(interval[0] * median).replace(" m", "")}–${metresText(interval[1] * median)}`),
            make("span", {}, " with 80 % probability"),
          ]
        : []),
    );
    const sources = payload.sources === "0 people" && payload.known_sizes.length ? [] : [payload.sources];
    const rest = [...sources, ...payload.known_sizes.map((one) => `a given ${one}`)];
    const parts = [
      `The scale comes from ${rest.join(", ")}.`,
      `Nearest ${metresText(nearest)}, farthest ${metresText(farthest)}${
        Number.isFinite(answer.reach) ? `, the rest beyond ${metresText(answer.reach)}` : ""
      }.`,
    ];
    if (answer.given) parts.push(`Refitted with a focal length of ${answer.camera.fx.toFixed(0)} px.`);
    else if (payload.limited_by) parts.push(`The interval is limited by: ${payload.limited_by}.`);
    find("because").textContent = parts.join(" ");
  };
  model.onChange(update);
  update();
  showProvenance(model.payload);
}

/** How to make it again, and what to beware of. */
export function showProvenance(payload: Pick<Payload, "command" | "versions" | "preset" | "models" | "warnings">): void {
  find("command").textContent = payload.command;
  find("versions").textContent = Object.entries(payload.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(" · ");
  find("models").textContent =
    `Preset ${payload.preset}: ` +
    Object.entries(payload.models)
      .map(([role, name]) => `${role.replaceAll("_", " ")} ${name}`)
      .join(", ");
  find("warnings").replaceChildren(...payload.warnings.map((one) => make("li", {}, one)));
  find("warnings-part").hidden = !payload.warnings.length;
}
