// Puts the parts of the page to work. It takes its data from the element #payload and requests nothing.

import "./style.css";
import { showAnswer } from "./answer";
import { find } from "./dom";
import { FlatStage } from "./flat";
import { showFocal } from "./focal";
import { heightsText, showList } from "./list";
import { Measuring } from "./measuring";
import { Model } from "./model";
import type { Payload } from "./payload";
import { Receipt } from "./receipt";
import { SolidStage } from "./solid";
import { watchTheme } from "./theme";

async function start(): Promise<void> {
  // The photo and the answer are in the document: they are painted first.
  await new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 500);
  });
  const payload = JSON.parse(find("payload").textContent!) as Payload;
  const model = await Model.read(payload);
  const measuring = new Measuring(model);
  const photo = find<HTMLImageElement>("photo");
  await photo.decode();
  // The scene is as tall as the photo beside it.
  const shape = `${photo.naturalWidth} / ${photo.naturalHeight}`;
  document.querySelector<HTMLElement>(".scene")!.style.aspectRatio = shape;
  showAnswer(model);
  const flat = new FlatStage(model, measuring);
  showList(measuring, { hint: "Choose two places, in the photo or in 3-D.", note: heightsText });
  showFocal(model);
  const receipt = new Receipt(model);
  receipt.onChoice((number) => flat.highlight(number));
  document.documentElement.dataset.ready = "flat";
  // The photo is to be seen and measured before the points are there.
  await new Promise((resolve) => setTimeout(resolve));
  try {
    const solid = new SolidStage(model, measuring, photo);
    receipt.onChoice((number) => solid.highlight(number));
    flat.onCursor((pixel) => solid.point(pixel));
    watchTheme(() => {
      flat.redraw();
      solid.build();
    });
    solid.render();
  } catch (error) {
    // No WebGL: everything else works.
    watchTheme(() => flat.redraw());
    find("solid").classList.add("missing");
    find("scene-note").textContent = `The scene in 3-D needs WebGL, which this browser does not give (${String(error)}).`;
  }
  document.documentElement.dataset.ready = "all";
}

start().catch((error: unknown) => {
  find("because").textContent = `This page needs a browser of 2023 or newer (${String(error)}).`;
});
