// Puts the report of a clip to work. It takes its data from the element #payload and requests nothing.

import "./clip.css";
import { showProvenance } from "../answer";
import { find } from "../dom";
import { fitGround, type Ground } from "../ground";
import { heightsText, showList } from "../list";
import { type Measured, Measuring } from "../measuring";
import { watchTheme } from "../theme";
import { showTracks } from "./list";
import { ClipModel } from "./model";
import type { ClipPayload } from "./payload";
import { Plan } from "./plan";
import { Stages } from "./stages";
import { Timeline, timeText } from "./timeline";
import { showWords } from "./words";

async function start(): Promise<void> {
  // The first picture and the answer are in the document: they are painted first.
  await new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 500);
  });
  const payload = JSON.parse(find("payload").textContent!) as ClipPayload;
  const model = await ClipModel.read(payload);
  const measuring = new Measuring(model);
  const first = measuring.ground;
  const pictures = payload.frames.map((one, k) => pictureOf(one.jpeg, `${payload.photo.name} at ${timeText(one.seconds)}`, k));
  const timeline = new Timeline(payload.frames, async (number) => {
    await Promise.all([model.show(number), pictures[number]!.decode()]);
    find("photo").replaceWith(pictures[number]!);
  });
  await pictures[0]!.decode();
  find("photo").replaceWith(pictures[0]!);

  // A length belongs to the frame in which it was measured, unless all have one depth.
  const measuredIn = new WeakMap<Measured, number>();
  const isHere = (one: Measured) => model.still || measuredIn.get(one) === timeline.current;
  measuring.onChange(() => {
    for (const one of measuring.done) if (!measuredIn.has(one)) measuredIn.set(one, timeline.current);
  });
  const stages = new Stages(model, measuring, timeline, isHere);
  showWords(payload);
  showProvenance(payload);
  showList(measuring, {
    hint: "Choose two places, in the picture or in its depth.",
    note: (one) => {
      const seconds = payload.frames[measuredIn.get(one) ?? timeline.current]!.seconds;
      return [model.still ? "" : `at ${timeText(seconds)}`, heightsText(one)].filter(Boolean).join("; ");
    },
  });
  let fitted = 0;
  const settle = () => {
    if (!model.still && fitted !== timeline.current && !timeline.playing) {
      measuring.ground = fitGround(model);
      fitted = timeline.current;
    }
  };
  let shown = 0;
  timeline.onFrame(() => {
    settle();
    if (shown === timeline.current) return;
    shown = timeline.current;
    if (!model.still && measuring.open) measuring.cancel();
    stages.refresh();
  });
  showTracks(payload, timeline, pictures, (number) => stages.highlight(number));
  new Plan(payload, timeline, first satisfies Ground | null, model.still);
  watchTheme(() => stages.redraw());
  document.documentElement.dataset.ready = "all";
}

function pictureOf(jpeg: string, alt: string, number: number): HTMLImageElement {
  const picture = new Image();
  picture.id = "photo";
  picture.alt = alt;
  picture.dataset.frame = String(number);
  picture.src = `data:image/jpeg;base64,${jpeg}`;
  return picture;
}

start().catch((error: unknown) => {
  find("because").textContent = `This page needs a browser of 2023 or newer (${String(error)}).`;
});
