// From a dropped photo to the file to download. upscaling.js does the upscaling, on a server or in this browser.

import { listen } from "./gestures.js";
import * as upscaling from "./upscaling.js";
import { createViewer } from "./viewer.js";

const element = (id) => document.getElementById(id);
const viewer = createViewer(element("stage"), { onZoom: (zoom) => { element("zoom").value = `${Math.round(100 * zoom)} %`; } });
listen(element("stage"), viewer);

let options, file = null, run = null, layers = null;

function enter(state) {
  document.body.dataset.state = state;
  for (const id of ["model", "strength"]) element(id).disabled = state === "running";
  element("again").hidden = true;
}

function fail(message) {
  element("error-text").textContent = message;
  element("error").hidden = false;
}

// End the current work, or delete its result.
function drop() {
  run = null;
  upscaling.forget();
}

function upscale(chosen) {
  drop();
  file = chosen;
  const strength = chosenModel().strength ? Number(element("strength").value) : null;
  return follow((progress) => upscaling.upscale(chosen, { model: element("model").value, strength }, progress));
}

// Show the progress and the result of some work, until other work replaces it.
async function follow(work) {
  const mine = run = {};
  const wanted = () => run === mine;
  element("error").hidden = true;
  showPreview();
  enter("running");
  report("Reading the photo…");
  try {
    const result = await work({ wanted, report: (...told) => { if (wanted()) report(...told); } });
    if (wanted()) showResult(result);
  } catch (error) {
    if (wanted()) giveUp(error);
  }
}

function giveUp(error) {
  enter("empty");
  run = null;
  // The work may still go on, and a reload comes back to it.
  if (!error.temporary) upscaling.forget();
  fail(error.message);
}

function report(text, part = null) {
  if (element("progress-text").textContent !== text) element("progress-text").textContent = text;
  if (part === null) element("progress").removeAttribute("value");
  else element("progress").value = part;
}

function showPreview() {
  URL.revokeObjectURL(element("preview").src);
  element("preview").hidden = !file;
  if (file) element("preview").src = URL.createObjectURL(file);
}

function showResult(result) {
  enter("result");
  const { before, enlarged, after } = result.pictures;
  element("unshown").hidden = Boolean(after);
  for (const id of ["canvas", "divider", "before-tag", "after-tag"]) element(id).hidden = !after;
  if (after) {
    layers = { before: { ...before, pixelated: true }, enlarged };
    viewer.show(after, layers[chosenBefore()], after);
  }
  tagBefore();
  element("after-tag").textContent = result.strength === null ? result.model : `${result.model}, strength ${result.strength}`;
  element("facts").textContent = `${result.note ? `${result.note}, ` : ""}${after ? `${after.width}\u00a0×\u00a0${after.height}, ` : ""}${(result.bytes / 1e6).toFixed(1)}\u00a0MB`;
  element("facts").title = result.title;
  element("download").href = result.url;
  element("download").download = result.name;
  element("stage").focus({ focusVisible: false });
}

const chosenBefore = () => document.querySelector("[name=before]:checked").value;
const chosenModel = () => options.models.find((model) => model.name === element("model").value);

function tagBefore() {
  element("before-tag").textContent = chosenBefore() === "before" ? "Original, nearest" : "Original, bicubic";
}

function choose(list) {
  if (document.body.dataset.state === "running") return;
  if (list.length > 1) return fail("Drop one photo at a time. For several, use the command jaxsr upscale.");
  if (!list.length) return;
  if (!options) return fail("This page did not load completely. Reload it.");
  upscale(list[0]);
}

function settingsChanged() {
  element("strength-field").hidden = !chosenModel().strength;
  element("strength-value").value = Number(element("strength").value).toFixed(2);
  element("again").hidden = document.body.dataset.state !== "result" || !file;
}

async function chooseSample(url) {
  const name = url.split("/").pop();
  const photo = await fetch(url).then((answer) => (answer.ok ? answer.blob() : null)).catch(() => null);
  if (!photo) return fail(`${name} cannot be fetched. Is the server of this page still running?`);
  upscale(new File([photo], name));
}

async function start() {
  options = await upscaling.options();
  for (const { name } of options.models) element("model").add(new Option(name));
  element("limits").textContent = options.limits;
  element("promise").textContent = options.promise;
  for (const url of options.samples) {
    const button = document.createElement("button");
    const image = Object.assign(new Image(), { src: url, alt: url.split("/").pop().replace(/\..*/, "") });
    button.append(image);
    button.addEventListener("click", () => chooseSample(url));
    element("samples").append(button);
  }
  settingsChanged();
  // After a reload, the work can continue.
  const resumed = upscaling.resume();
  if (resumed) await follow(resumed);
}

const on = (id, type, action) => element(id).addEventListener(type, action);
on("model", "change", settingsChanged);
on("strength", "input", settingsChanged);
on("again", "click", () => upscale(file));
on("dismiss", "click", () => { element("error").hidden = true; });
on("file", "change", (event) => { choose([...event.target.files]); event.target.value = ""; });
for (const id of ["cancel", "new"]) on(id, "click", () => { file = null; drop(); enter("empty"); });
on("in", "click", viewer.zoomIn);
on("out", "click", viewer.zoomOut);
on("fit", "click", viewer.fit);
on("actual", "click", () => viewer.zoomTo(1));
for (const radio of document.querySelectorAll("[name=before]")) {
  radio.addEventListener("change", () => { viewer.setLeft(layers[chosenBefore()]); tagBefore(); });
}
addEventListener("paste", (event) => choose([...event.clipboardData.files]));
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  choose([...event.dataTransfer.files]);
});
start().catch(giveUp);
