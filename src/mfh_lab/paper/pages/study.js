"use strict";
(() => {
  const study = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const place = "mfh-study-" + study.study;
  const total = study.questions.length;
  let keeps = true;
  let state = load() || fresh();
  let shown = null;      // number of the question on the page, null on the first and last page
  let since = 0;         // when it was shown
  let zoomed = -1;       // -1 is the photo, else the number of a choice
  let saved = true;      // whether the answers as they are now are in a file

  function fresh() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const participant = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return { participant, started: null, at: 0, answers: {} };
  }

  function load() {
    try {
      const text = localStorage.getItem(place);
      return text ? JSON.parse(text) : null;
    } catch (error) {
      keeps = false;
      return null;
    }
  }

  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch (error) {
      keeps = false;
    }
    $("storage-notice").hidden = keeps;
  }

  const answered = () => study.questions.filter((one) => state.answers[one.id]).length;
  const open = () => study.questions.map((one, k) => k).filter((k) => !state.answers[study.questions[k].id]);

  function show(name) {
    for (const id of ["intro", "ask", "done"]) $(id).hidden = id !== name;
    window.scrollTo(0, 0);
  }

  function bar(target, ends) {
    target.replaceChildren();
    const strip = document.createElement("div");
    strip.className = "strip";
    strip.style.background = "linear-gradient(to right, " + study.colors.join(", ") + ")";
    const ticks = document.createElement("div");
    ticks.className = "ticks";
    ends.ticks.forEach(([position, label], k) => {
      const tick = document.createElement("span");
      tick.textContent = label + " m";
      tick.style.left = 100 * position + "%";
      if (position < 0.03) tick.className = "first";
      if (position > 0.97) tick.className = "last";
      ticks.append(tick);
    });
    const words = document.createElement("p");
    words.className = "words";
    const near = document.createElement("span"), far = document.createElement("span");
    near.textContent = "← " + ends.min + " m or nearer";
    far.textContent = ends.max + " m or farther →";
    words.append(near, far);
    target.append(strip, ticks, words);
    target.setAttribute("role", "img");
    target.setAttribute("aria-label", "Meter bar from " + ends.min + " to " + ends.max + " metres");
  }

  function ask(number) {
    clock();
    const question = study.questions[number];
    shown = state.at = number;
    since = Date.now();
    state.started = state.started || new Date().toISOString();
    $("where").textContent = "Photo " + (number + 1) + " of " + total;
    $("photo").src = question.photo;
    bar($("bar"), question.bar);
    $("choices").style.setProperty("--columns", columns(question));
    $("choices").replaceChildren(...question.choices.map((one, k) => card(question, one, k)));
    $("next").firstChild.textContent = number + 1 === total ? "Finish " : "Next ";
    mark();
    show("ask");
    $("where").focus({ preventScroll: true });
    keep();
    // The next photo's pictures are decoded while this one is on the screen.
    const coming = study.questions[number + 1];
    if (coming) [coming.photo, ...coming.choices.map((one) => one.image)].forEach((url) => { new Image().src = url; });
  }

  function columns(question) {
    const count = question.choices.length, wide = question.width >= question.height;
    if (count <= 2) return 2;
    if (count === 4 && wide) return 2;
    return wide ? 3 : Math.min(count, 4);
  }

  function card(question, one, k) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "choice";
    input.value = one.letter;
    input.setAttribute("aria-label", "Picture " + one.letter);
    input.addEventListener("change", () => choose(one.letter));
    const image = document.createElement("img");
    image.src = one.image;
    image.alt = "";
    image.width = question.width;
    image.height = question.height;
    image.style.height = "auto";
    const foot = document.createElement("span");
    foot.className = "foot";
    const tick = document.createElement("span");
    tick.className = "tick";
    tick.textContent = one.letter;
    const magnify = document.createElement("button");
    magnify.type = "button";
    magnify.className = "magnify";
    magnify.title = "Enlarge";
    magnify.setAttribute("aria-label", "Enlarge picture " + one.letter);
    magnify.innerHTML = '<svg width="20" height="20" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" aria-hidden="true"><path d="M12 3h5v5M17 3l-6 6M8 17H3v-5M3 17l6-6"/></svg>';
    magnify.addEventListener("click", (event) => { event.preventDefault(); zoom(k); });
    foot.append(tick, magnify);
    label.append(input, image, foot);
    return label;
  }

  function mark() {
    const question = study.questions[shown], given = state.answers[question.id];
    for (const input of document.querySelectorAll('input[name="choice"]')) input.checked = !!given && input.value === given.choice;
    const count = answered();
    $("progress").setAttribute("aria-valuemax", total);
    $("progress").setAttribute("aria-valuenow", count);
    $("progress-fill").style.width = (100 * count) / total + "%";
    $("count").textContent = count + " answered";
    $("back").disabled = shown === 0;
    $("next").classList.toggle("primary", !!given);
  }

  function choose(choice) {
    const id = study.questions[shown].id;
    const before = state.answers[id];
    state.answers[id] = { choice, seconds: before ? before.seconds : 0 };
    saved = false;
    clock();
    mark();
    keep();
  }

  // Time is counted on the question that is in sight, whichever way it is left.
  function clock() {
    if (shown === null) return;
    const now = Date.now(), given = state.answers[study.questions[shown].id];
    if (given) {
      given.seconds = Math.round(10 * (given.seconds + (now - since) / 1000)) / 10;
      since = now;
    }
  }

  function move(step) {
    const to = shown + step;
    if (to < 0) return;
    if (to >= total) finish();
    else ask(to);
  }

  function finish() {
    clock();
    keep();
    shown = null;
    const left = open();
    $("done-title").textContent = left.length ? "Not every photo has an answer" : "Thank you";
    $("done-lead").textContent = left.length
      ? count(left.length, "photo is", "photos are") + " still open. You can go on, or save what there is."
      : "All " + total + " photos are answered. Save your answers now: until then they are only in this browser.";
    $("missing").replaceChildren(...left.slice(0, 40).map((k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "small";
      button.textContent = "Photo " + (k + 1);
      button.addEventListener("click", () => ask(k));
      return button;
    }));
    $("participant").textContent = state.participant.slice(0, 8);
    $("status").textContent = "";
    $("text").hidden = true;
    $("save").disabled = $("copy").disabled = answered() === 0;
    show("done");
    $("done-title").focus({ preventScroll: true });
  }

  const count = (number, one, many) => number + " " + (number === 1 ? one : many);

  function answers() {
    return JSON.stringify({
      format: "mfh-study-answers",
      version: 1,
      study: study.study,
      participant: state.participant,
      started: state.started,
      saved: new Date().toISOString(),
      questions: total,
      answers: state.answers,
    }, null, 1) + "\n";
  }

  function save() {
    const name = "answers-" + study.study.slice(0, 8) + "-" + state.participant.slice(0, 8) + ".json";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([answers()], { type: "application/json" }));
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = true;
    $("status").textContent = "Saved as " + name + " in this browser's downloads.";
  }

  async function copy() {
    $("text").value = answers();
    $("text").hidden = false;
    $("text").select();
    try {
      await navigator.clipboard.writeText($("text").value);
      saved = true;
      $("status").textContent = "Copied.";
    } catch (error) {
      $("status").textContent = "Copy the text below.";
    }
  }

  function again() {
    if (answered() && !saved && !confirm("The answers of this participant are not saved and will be deleted. Go on?")) return;
    if (saved && answered() && !confirm("Delete this participant's answers from this browser?")) return;
    state = fresh();
    saved = true;
    keep();
    intro();
  }

  function zoom(number) {
    const question = study.questions[shown];
    zoomed = number;
    const one = number < 0 ? null : question.choices[number];
    $("zoom-image").src = one ? one.image : question.photo;
    $("zoom-image").alt = one ? "Picture " + one.letter : "The photo";
    $("zoom-title").textContent = one ? "Picture " + one.letter : "Photo";
    $("zoom-choose").hidden = !one;
    const given = state.answers[question.id];
    const chosen = !!(one && given && given.choice === one.letter);
    $("zoom-choose").textContent = chosen ? "Chosen ✓" : "Choose this";
    bar($("zoom-bar"), question.bar);
    if (!$("zoom").open) $("zoom").showModal();
  }

  function zoomBy(step) {
    const count = study.questions[shown].choices.length;
    zoom((Math.max(zoomed, step > 0 ? -1 : 0) + step + count) % count);
  }

  function intro() {
    shown = null;
    const kinds = study.questions[0].choices.length;
    $("intro-lead").textContent = "You will see " + count(total, "photo", "photos") + ", and for each of them " + kinds + " pictures that say how far away everything in it is.";
    bar($("intro-bar"), study.questions[0].bar);
    $("intro-note").textContent = $("done-note").textContent = study.note;
    $("start").textContent = answered() ? "Go on with photo " + (state.at + 1) : "Start";
    show("intro");
  }

  $("start").addEventListener("click", () => ask(Math.min(state.at, total - 1)));
  $("back").addEventListener("click", () => move(-1));
  $("next").addEventListener("click", () => move(1));
  $("none-label").querySelector("input").addEventListener("change", () => choose("none"));
  $("save").addEventListener("click", save);
  $("copy").addEventListener("click", copy);
  $("review").addEventListener("click", () => ask(0));
  $("again").addEventListener("click", again);
  $("photo").addEventListener("click", () => zoom(-1));
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("zoom-close").addEventListener("click", () => $("zoom").close());
  $("zoom-photo").addEventListener("click", () => zoom(-1));
  $("zoom-back").addEventListener("click", () => zoomBy(-1));
  $("zoom-next").addEventListener("click", () => zoomBy(1));
  $("zoom-choose").addEventListener("click", () => { choose(study.questions[shown].choices[zoomed].letter); $("zoom").close(); });
  $("zoom").addEventListener("click", (event) => { if (event.target === $("zoom")) $("zoom").close(); });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || shown === null) return;
    const choices = study.questions[shown].choices;
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const onButton = event.target instanceof HTMLButtonElement;
    if ($("zoom").open) {
      if (key === "ArrowLeft") zoomBy(-1);
      else if (key === "ArrowRight") zoomBy(1);
      else if (key === "P") zoom(-1);
      else if (key === "Enter" && !onButton && zoomed >= 0) $("zoom-choose").click();
      else return;
      event.preventDefault();
      return;
    }
    const letter = choices.findIndex((one) => one.letter === key);
    const digit = /^[1-9]$/.test(key) ? Number(key) - 1 : -1;
    if (letter >= 0) choose(choices[letter].letter);
    else if (digit >= 0 && digit < choices.length) choose(choices[digit].letter);
    else if (key === "0") choose("none");
    else if (key === "ArrowLeft") move(-1);
    else if (key === "ArrowRight" || (key === "Enter" && !onButton)) move(1);
    else if (key === "+" || key === "=") {
      const given = state.answers[study.questions[shown].id];
      zoom(Math.max(0, choices.findIndex((one) => given && one.letter === given.choice)));
    } else return;
    event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { clock(); keep(); } else since = Date.now();
  });
  window.addEventListener("beforeunload", (event) => { if (!keeps && !saved) event.preventDefault(); });

  const last = study.questions[0].choices.length;
  $("keys").innerHTML = "Keys: <kbd>A</kbd>–<kbd>" + study.questions[0].choices[last - 1].letter + "</kbd> choose, <kbd>0</kbd> none, <kbd>←</kbd> <kbd>→</kbd> photo, <kbd>+</kbd> enlarge";
  $("storage-notice").hidden = keeps;
  intro();
})();
