"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const total = data.photos.length;
  // What is chosen so far; a photo with one of its two attributes is not in the file yet.
  const chosen = data.photos.map((name) => (Object.hasOwn(data.shots, name) ? data.shots[name] : [null, null]).slice());
  let at = Math.max(0, chosen.findIndex((one) => !whole(one)));
  let advance = 0;

  function whole(one) {
    return one[0] !== null && one[1] !== null;
  }

  function options(target, words, part, firstKey) {
    target.replaceChildren(...words.map((word, k) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = target.id;
      input.value = word;
      input.addEventListener("change", () => choose(part, word));
      const text = document.createElement("span");
      text.innerHTML = "<b></b> <kbd></kbd><small></small>";
      text.querySelector("b").textContent = word;
      text.querySelector("kbd").textContent = firstKey + k;
      text.querySelector("small").textContent = data.help[word];
      label.append(input, text);
      return label;
    }));
  }

  function show(number) {
    clearTimeout(advance);
    at = Math.min(Math.max(number, 0), total - 1);
    $("where").textContent = "Photo " + (at + 1) + " of " + total;
    $("photo").src = "photo/" + at;
    $("name").textContent = data.photos[at];
    $("saved").textContent = whole(chosen[at]) ? "In the file" : "";
    mark();
    if (at + 1 < total) new Image().src = "photo/" + (at + 1);
  }

  function mark() {
    ["angles", "distances"].forEach((id, part) => {
      for (const input of $(id).querySelectorAll("input")) input.checked = input.value === chosen[at][part];
    });
    const done = chosen.filter(whole).length;
    $("progress").setAttribute("aria-valuemax", total);
    $("progress").setAttribute("aria-valuenow", done);
    $("progress-fill").style.width = (100 * done) / total + "%";
    $("count").textContent = done === total ? "all done: " + data.out : done + " done";
    $("back").disabled = at === 0;
    $("next").disabled = at === total - 1;
    $("open").hidden = done === total;
  }

  async function choose(part, word) {
    const number = at, first = !whole(chosen[number]);
    chosen[number][part] = word;
    mark();
    if (!whole(chosen[number])) return;
    const [angle, distance] = chosen[number];
    let trouble = "";
    try {
      const reply = await fetch("shot", { method: "POST", body: JSON.stringify({ photo: number, angle, distance }) });
      if (!reply.ok) trouble = await reply.text();
    } catch (error) {
      trouble = "mfh annotate does not answer: is it still running?";
    }
    $("notice").hidden = !trouble;
    $("notice").textContent = trouble && "Not saved: " + trouble;
    if (trouble) {
      chosen[number] = [null, null];
      if (at === number) mark();
      return;
    }
    if (at !== number) return;
    $("saved").textContent = "Saved";
    if (first && at + 1 < total) advance = setTimeout(() => { if (at === number) show(at + 1); }, 350);
  }

  function nextOpen() {
    const order = [...chosen.keys()].map((k) => (at + 1 + k) % total);
    const found = order.find((k) => !whole(chosen[k]));
    if (found !== undefined) show(found);
  }

  $("back").addEventListener("click", () => show(at - 1));
  $("next").addEventListener("click", () => show(at + 1));
  $("open").addEventListener("click", nextOpen);
  $("form").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const number = Number(event.key);
    if (event.key === "ArrowLeft") show(at - 1);
    else if (event.key === "ArrowRight") show(at + 1);
    else if (number >= 1 && number <= data.angles.length) choose(0, data.angles[number - 1]);
    else if (number > data.angles.length && number <= data.angles.length + data.distances.length) choose(1, data.distances[number - data.angles.length - 1]);
    else return;
    event.preventDefault();
  });

  options($("angles"), data.angles, 0, 1);
  options($("distances"), data.distances, 1, 1 + data.angles.length);
  show(at);
})();
