// From a dropped photo to the file to download.

import { listen } from "./gestures.js";
import { createViewer } from "./viewer.js";

const element = (id) => document.getElementById(id);
const viewer = createViewer(element("stage"), { onZoom: (zoom) => { element("zoom").value = `${Math.round(100 * zoom)} %`; } });
listen(element("stage"), viewer);

let options, file = null, token = null, layers = null;

// The answer as JSON; an Error with the server's sentence where it refuses.
async function ask(url, request) {
  let answer;
  try {
    answer = await fetch(url, request);
  } catch {
    throw new Error("The page's server does not answer; is it still running?");
  }
  if (answer.status === 204) return null;
  const value = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(value.error), { status: answer.status });
  return value;
}

function enter(state) {
  document.body.dataset.state = state;
  for (const id of ["model", "strength"]) element(id).disabled = state === "running";
  element("again").hidden = true;
}

function fail(message) {
  element("error-text").textContent = message;
  element("error").hidden = false;
}

function forget() {
  // The server deletes at once what nobody will ask for again.
  if (token) ask(`/jobs/${token}`, { method: "DELETE" }).catch(() => {});
  token = null;
  history.replaceState(null, "", location.pathname);
}

async function upscale(chosen) {
  element("error").hidden = true;
  forget();
  file = chosen;
  showPreview();
  enter("running");
  report("Sending the photo…");
  const most = options.limits.megabytes;
  try {
    if (file.size > most * 1e6) {
      throw new Error(`${file.name} is larger than the ${most} megabytes that this page takes; save it smaller, or start the page with a larger --max-megabytes`);
    }
    const query = new URLSearchParams({ name: file.name, model: element("model").value });
    if (chosenModel().strength) query.set("strength", element("strength").value);
    const sending = file;
    const job = await ask(`/jobs?${query}`, { method: "POST", body: sending });
    // Cancelled, or another chosen, while it was being sent.
    if (file !== sending) return void ask(`/jobs/${job.token}`, { method: "DELETE" });
    token = job.token;
    history.replaceState(null, "", `#${token}`);
    await follow(token);
  } catch (error) {
    giveUp(error);
  }
}

function giveUp(error) {
  enter("empty");
  forget();
  fail(error.message);
}

async function follow(mine) {
  let since = null;
  while (token === mine) {
    const job = await ask(`/jobs/${mine}`);
    if (token !== mine) return;
    if (job.state === "failed") throw new Error(job.error);
    if (job.state === "done") return showResult(job);
    if (job.done && !since) since = { at: performance.now(), done: job.done };
    report(progressText(job, since), job.stage === "upscaling" && job.total > 1 ? job.done / job.total : null);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function progressText(job, since) {
  if (job.state === "queued") return job.ahead === 1 ? "1 picture is ahead of yours" : `${job.ahead} pictures are ahead of yours`;
  if (job.stage === "view") return "Preparing the view…";
  if (job.total <= 1) return "Upscaling…";
  // The first tiles tell nothing: the program is compiled in them.
  const measured = job.done - since.done;
  const seconds = measured > 1 ? ((performance.now() - since.at) / 1000 / measured) * (job.total - job.done) : 0;
  const left = seconds > 90 ? `, about ${Math.round(seconds / 60)} min left` : seconds > 3 ? `, about ${Math.round(seconds)} s left` : "";
  return `Tile ${job.done} of ${job.total}${left}`;
}

function report(text, part = null) {
  if (element("progress-text").textContent !== text) element("progress-text").textContent = text;
  if (part === null) element("progress").removeAttribute("value");
  else element("progress").value = part;
}

function showPreview() {
  URL.revokeObjectURL(element("preview").src);
  element("preview").src = URL.createObjectURL(file);
  element("preview").hidden = false;
}

function showResult(job) {
  enter("result");
  const { before, enlarged, after } = job.pictures;
  element("unshown").hidden = Boolean(after);
  for (const id of ["canvas", "divider", "before-tag", "after-tag"]) element(id).hidden = !after;
  if (after) {
    const layer = (name, picture) => ({ ...picture, url: `/jobs/${token}/tiles/${name}`, tile: job.tile });
    layers = { before: { ...layer("before", before), pixelated: true }, enlarged: layer("enlarged", enlarged) };
    viewer.show(after, layers[chosenBefore()], layer("after", after));
  }
  tagBefore();
  element("after-tag").textContent = job.strength === null ? job.model : `${job.model}, strength ${job.strength}`;
  element("facts").textContent = `${job.note ? `${job.note}, ` : ""}${after ? `${after.width}\u00a0×\u00a0${after.height}, ` : ""}${(job.bytes / 1e6).toFixed(1)}\u00a0MB`;
  element("facts").title = `${job.file}, kept for ${options.limits.keep_minutes} minutes`;
  element("download").href = `/jobs/${token}/file`;
  element("download").download = job.file;
  element("stage").focus({ focusVisible: false });
}

const chosenBefore = () => document.querySelector("[name=before]:checked").value;
const chosenModel = () => options.models.find((model) => model.name === element("model").value);

function tagBefore() {
  element("before-tag").textContent = chosenBefore() === "before" ? "Original, nearest" : "Original, bicubic";
}

function choose(list) {
  if (document.body.dataset.state === "running") return;
  if (list.length > 1) return fail("One photo at a time; for many there is the command jaxsr upscale");
  if (list.length) upscale(list[0]);
}

function settingsChanged() {
  element("strength-field").hidden = !chosenModel().strength;
  element("strength-value").value = Number(element("strength").value).toFixed(2);
  element("again").hidden = document.body.dataset.state !== "result" || !file;
}

async function chooseSample(path) {
  const answer = await fetch(`/samples/${path}`);
  upscale(new File([await answer.blob()], path.split("/").pop()));
}

async function start() {
  options = await ask("/options");
  for (const { name } of options.models) element("model").add(new Option(name));
  element("limits").textContent = `up to ${options.limits.megapixels} megapixels, ${options.limits.megabytes} megabytes`;
  for (const path of options.samples) {
    const button = document.createElement("button");
    const image = Object.assign(new Image(), { src: `/samples/${path}`, alt: path.split("/").pop().replace(/\..*/, "") });
    button.append(image);
    button.addEventListener("click", () => chooseSample(path));
    element("samples").append(button);
  }
  settingsChanged();
  // After a reload the job goes on.
  if (location.hash.length > 1) {
    token = location.hash.slice(1);
    element("preview").hidden = true;
    enter("running");
    report("Looking for your photo…");
    await follow(token);
  }
}

const on = (id, type, action) => element(id).addEventListener(type, action);
on("model", "change", settingsChanged);
on("strength", "input", settingsChanged);
on("again", "click", () => upscale(file));
on("dismiss", "click", () => { element("error").hidden = true; });
on("file", "change", (event) => { choose([...event.target.files]); event.target.value = ""; });
on("cancel", "click", () => { file = null; forget(); enter("empty"); });
on("new", "click", () => { file = null; forget(); enter("empty"); });
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
