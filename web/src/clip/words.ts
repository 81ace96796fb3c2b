// The clip in words: how sure its one scale is, what that rests on, and which frames are here.

import { find, make, metresText } from "../dom";
import type { ClipPayload } from "./payload";
import { timeText } from "./timeline";

export function showWords(payload: ClipPayload): void {
  const { clip, answer, depth_m: depth, camera, photo, frames } = payload;
  const interval = answer.level_80;
  find("lead").replaceChildren(
    ...(interval
      ? [
          "Depth in metres, ",
          make("b", {}, `${signed(interval[0])} to ${signed(interval[1])}`),
          " with 80 % probability",
        ]
      : [make("b", {}, "Depth in metres"), ", of one scale"]),
  );
  const sources = payload.sources === "0 people" && payload.known_sizes.length ? [] : [payload.sources];
  const rest = [...sources, ...payload.known_sizes.map((one) => `a given ${one}`)];
  const where = clip.reference_frame === null ? "of what stays in the picture" : `at ${atFrame(payload, clip.reference_frame)}`;
  find("because").textContent =
    `One scale for ${clip.frames} frames, ${timeText(frames.at(-1)!.seconds - frames[0]!.seconds)}. It comes from ${rest.join(", ")}. ` +
    (depth.median === null
      ? ""
      : `Nearest ${metresText(depth.nearest!)}, median ${metresText(depth.median)}, farthest ${metresText(depth.farthest!)} (${where}).`);
  find("sampled").textContent =
    frames.length < clip.frames
      ? `Here are ${frames.length} of the ${clip.frames} frames, spread evenly over the clip; all are in the files beside this page.`
      : `All frames are here: ${clip.frames}.`;
  find("boxes-note").textContent = clip.static_camera
    ? "Framed: what gave the scale, objects that stay in all frames, people by colour in the frames in which they were looked for."
    : "Framed: what gave the scale, people by colour; dashed between the frames in which they were looked for.";
  find("still").hidden = !clip.static_camera;
  find("scale-words").replaceChildren(...scaleWords(payload).map((one) => make("li", {}, one)));
  const view = (2 * Math.atan(photo.width / 2 / camera.fx) * 180) / Math.PI;
  find("camera-words").replaceChildren(
    make("li", {}, `One camera for all frames: ${photo.width}×${photo.height} pixels, focal length ${camera.fx.toFixed(0)} px, ${view.toFixed(0)}° across.`),
    make("li", {}, `Focal length ${payload.focal.detail}${payload.focal.relative_sigma > 0 ? `, good to ${Math.round(100 * payload.focal.relative_sigma)} %` : ""}.`),
  );
}

function scaleWords(payload: ClipPayload): string[] {
  const { answer, clip, limited_by: limited } = payload;
  const words: string[] = [];
  for (const [level, name] of [
    [answer.level_80, "80 %"],
    [answer.level_95, "95 %"],
  ] as const)
    if (level) words.push(`With ${name} probability, true distances are ${signed(level[0])} to ${signed(level[1])} from those shown, in all frames alike.`);
  if (limited) words.push(`The interval is limited by ${limited}.`);
  if (!clip.static_camera && payload.followed && clip.median_misfit !== null)
    words.push(
      `Frames are joined along what stands still in the picture; from one to the next that leaves ${(100 * clip.median_misfit).toFixed(1)} % (median).`,
    );
  if (clip.cuts.length)
    words.push(`The picture changes wholly at ${clip.cuts.slice(0, 5).map((one) => atFrame(payload, one)).join(", ")}.`);
  return words;
}

function atFrame(payload: ClipPayload, index: number): string {
  const { frames, clip } = payload;
  return timeText(frames[0]!.seconds + index / clip.frames_a_second);
}

function signed(factor: number): string {
  const off = Math.round(100 * (factor - 1));
  return `${off < 0 ? "−" : "+"}${Math.abs(off)} %`;
}
