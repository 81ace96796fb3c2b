// Every person and object of the clip: what was made of it, and when it was seen.

import { find, make, metresText, percent } from "../dom";
import { moveNow, nowLine, plot, TimeAxis } from "./plot";
import type { ClipPayload, Track } from "./payload";
import { type Timeline, nearest } from "./timeline";
import { coloursOf, isSeen, nameOf } from "./tracks";

const THUMB_PX = [76, 64] as const;

export function showTracks(
  payload: ClipPayload,
  timeline: Timeline,
  pictures: HTMLImageElement[],
  choose: (number: number | null) => void,
): void {
  const axis = new TimeAxis(payload);
  const colours = coloursOf(payload);
  const found = payload.tracks.filter((one) => one.verdict === "used" && one.kind !== "prior");
  find("distances").replaceChildren(find("plot-note"), ...(found.length ? [plot(payload, axis), axis.labels()] : []));
  const order = [...payload.tracks].sort((a, b) => b.weight - a.weight || a.number - b.number);
  const rows = (verdict: Track["verdict"]) =>
    order
      .filter((one) => one.verdict === verdict)
      .map((one) => row(one, axis, colours.get(one.number), timeline, choose, payload, pictures));
  const [used, rejected] = [rows("used"), rows("rejected")];
  find("used").replaceChildren(...used);
  const more = payload.tracks_left_out;
  find("rejected-part").hidden = !rejected.length && !more;
  find("rejected-title").textContent =
    `${rejected.length} rejected, with the reason${more ? `; ${more} more are on the receipt` : ""}`;
  find("rejected").replaceChildren(...rejected);
  find("plot-note").textContent = found.some((one) => one.kind === "person")
    ? "Lines: distance by the clip’s depth, one colour a person, objects grey. Rings: the distance that the size of this person alone implies. A row leads to where it was seen first."
    : found.length
      ? "No person gave a scale. Grey lines: distance of objects by the clip’s depth. A row leads to where it was seen first."
      : "No person and no object in the clip gave a scale.";
  const update = () => moveNow(axis, timeline.seconds);
  timeline.onFrame(update);
  update();
}

function row(
  track: Track,
  axis: TimeAxis,
  tint: string | undefined,
  timeline: Timeline,
  choose: (number: number | null) => void,
  payload: ClipPayload,
  pictures: HTMLImageElement[],
): HTMLLIElement {
  const used = track.verdict === "used";
  const title = make("p", { class: "name" }, `${track.label} `, make("small", {}, `#${track.number}`));
  const facts = factsOf(track);
  const text = make("div", { class: "about" }, title, make("p", { class: "facts" }, facts.join(" · ")));
  text.append(make("p", { class: "reason" }, track.reason));
  const place = make("span", { class: "thumb" });
  if (track.kind !== "prior") void thumbnail(track, payload, pictures, tint).then((one) => one && place.append(one));
  const kind = track.kind === "object" ? " object" : "";
  const item = make(
    "li",
    { class: `landmark${used ? "" : " rejected"}${kind}`, tabindex: "0" },
    place,
    text,
    track.kind === "prior" ? null : seenAt(track, axis, tint),
  );
  if (track.kind === "prior") {
    item.removeAttribute("tabindex");
    return item;
  }
  item.classList.add("leads");
  const lead = () => {
    timeline.goTo(Math.max(track.sightings[0]!.frame, 0));
    find("photo").scrollIntoView({ block: "nearest", behavior: "smooth" });
    choose(track.number);
  };
  item.addEventListener("click", lead);
  item.addEventListener("keydown", (event) => {
    if (event.key === "Enter") lead();
  });
  for (const [event, number] of [
    ["pointerenter", track.number],
    ["focus", track.number],
    ["pointerleave", null],
    ["blur", null],
  ] as const)
    item.addEventListener(event, () => choose(number));
  item.setAttribute("aria-label", `${nameOf(track)}: ${facts.join(", ")}. Enter shows where it was seen first.`);
  return item;
}

function factsOf(track: Track): string[] {
  const facts: string[] = [];
  const metres = track.sightings.map((one) => one.distance_m).filter((one): one is number => one !== null);
  if (metres.length && track.kind !== "prior") {
    const [near, far] = [Math.min(...metres), Math.max(...metres)];
    const range = far > near * 1.03 ? `${metresText(near).replace(" m", "")}–${metresText(far)}` : metresText(near);
    facts.push(`${range} away`);
  }
  const what = { person: "tall", object: "assumed", prior: "of view" }[track.kind];
  if (track.size_m !== null) facts.push(`${metresText(track.size_m)} ${what}`);
  if (track.verdict === "used") facts.push(`weight ${percent(track.weight)}`);
  return facts;
}

/** When it was seen: full where it was measured, hollow where it was not. */
function seenAt(track: Track, axis: TimeAxis, tint: string | undefined): HTMLElement {
  const line = make("div", { class: "track" });
  for (const one of track.sightings) {
    const mark = make("span", { class: one.seconds === null ? "stays" : isSeen(one) ? "spot" : "spot alone" });
    if (one.seconds !== null) mark.style.left = axis.percent(one.seconds);
    mark.style.color = tint ?? "var(--muted)";
    line.append(mark);
  }
  line.append(nowLine());
  return line;
}

/** Cut out of the picture nearest in time to where it was seen first. */
async function thumbnail(
  track: Track,
  payload: ClipPayload,
  pictures: HTMLImageElement[],
  tint: string | undefined,
): Promise<HTMLElement | null> {
  const known = new Map(payload.frames.map((one, k) => [one.index, k]));
  const one = track.sightings.find((each) => known.has(each.frame)) ?? track.sightings[0];
  if (!one) return null;
  const picture = pictures[known.get(one.frame) ?? nearest(payload.frames, one.frame)]!;
  await picture.decode();
  const [across, down] = [picture.naturalWidth / payload.photo.width, picture.naturalHeight / payload.photo.height];
  const margin = 0.12 * Math.max(one.box[2] - one.box[0], one.box[3] - one.box[1]);
  const left = Math.max((one.box[0] - margin) * across, 0);
  const top = Math.max((one.box[1] - margin) * down, 0);
  const wide = Math.min((one.box[2] + margin) * across, picture.naturalWidth) - left;
  const tall = Math.min((one.box[3] + margin) * down, picture.naturalHeight) - top;
  if (!(wide > 1 && tall > 1)) return null;
  const shrink = Math.min(THUMB_PX[0] / wide, THUMB_PX[1] / tall);
  const canvas = make("canvas", { "aria-hidden": "true" });
  [canvas.width, canvas.height] = [Math.round(2 * wide * shrink), Math.round(2 * tall * shrink)];
  canvas.style.width = `${canvas.width / 2}px`;
  if (tint) canvas.style.borderBottom = `3px solid ${tint}`;
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, wide, tall, 0, 0, canvas.width, canvas.height);
  return make("span", { class: "framed" }, canvas);
}
