// Upscaling by the server of this page.

// Milliseconds for which the server may be out of reach before a job is given up.
const PATIENCE = 60_000;
let limits, token = null, sending = null;

// The models, the bundled photos, and what to tell the visitor before they choose a photo.
export async function options() {
  const { models, limits: given, samples } = await ask("options");
  limits = given;
  return {
    models,
    samples: samples.map((path) => `samples/${path}`),
    limits: `Up to ${limits.megapixels} megapixels and ${limits.megabytes} megabytes`,
    promise: "Pictures stay on the machine that serves this page, and are deleted afterwards.",
  };
}

// The result for a file, or undefined if it is no longer wanted.
export async function upscale(file, { model, strength }, progress) {
  const most = limits.megabytes;
  if (file.size > most * 1e6) {
    throw new Error(`${file.name} is larger than the ${most} megabytes that this page accepts; save it smaller, or start the page with a larger --max-megabytes`);
  }
  progress.report("Sending the photo…");
  const query = new URLSearchParams({ name: file.name, model });
  if (strength !== null) query.set("strength", strength);
  sending = new AbortController();
  const job = await ask(`jobs?${query}`, { method: "POST", body: file, signal: sending.signal });
  // The visitor cancelled it, or chose another photo, when it had just been sent.
  if (!progress.wanted()) return remove(job.token);
  token = job.token;
  history.replaceState(null, "", `#${token}`);
  return follow(progress);
}

// A function that follows the job named in the address, or null if the address names none.
export function resume() {
  if (location.hash.length < 2) return null;
  token = location.hash.slice(1);
  return follow;
}

// Stop sending, and tell the server to delete the job, since nobody will ask for it again.
export function forget() {
  sending?.abort();
  if (token) remove(token);
  token = null;
  history.replaceState(null, "", location.pathname);
}

// If the server is out of reach, it deletes the job itself later.
const remove = (job) => ask(`jobs/${job}`, { method: "DELETE" }).catch(() => {});

// The answer as JSON. If the server refuses, an Error with its sentence is thrown, which is `temporary` if the job may
// still be there.
async function ask(url, request) {
  const lost = (what) => () => {
    throw Object.assign(new Error(`The server of this page ${what}`), { temporary: true });
  };
  const answer = await fetch(url, request).catch(lost("does not answer. Is it still running?"));
  if (answer.status === 204) return null;
  const value = await answer.json().catch(lost("sent an answer that cannot be read. Try again later."));
  if (!answer.ok) throw Object.assign(new Error(value.error), { temporary: answer.status >= 500 });
  return value;
}

async function follow({ wanted, report }) {
  const mine = token;
  let since = null, lost = null;
  while (wanted()) {
    let job;
    try {
      job = await ask(`jobs/${mine}`);
      lost = null;
    } catch (error) {
      lost ??= performance.now();
      if (!error.temporary || performance.now() - lost > PATIENCE) throw error;
      report("The server does not answer. Trying again…");
      await pause(1000);
      continue;
    }
    if (!wanted()) return;
    if (job.state === "failed") throw new Error(job.error);
    if (job.state === "done") return result(job, mine);
    if (job.done && !since) since = { at: performance.now(), done: job.done };
    report(progressText(job, since), job.stage === "upscaling" && job.total > 1 ? job.done / job.total : null);
    await pause(250);
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function result(job, mine) {
  const pictures = {};
  for (const [name, picture] of Object.entries(job.pictures)) {
    const tileUrl = (level, column, row) => `jobs/${mine}/tiles/${name}/${level}/${column}/${row}`;
    pictures[name] = { ...picture, tileUrl };
  }
  return {
    pictures, model: job.model, strength: job.strength, note: job.note, bytes: job.bytes, name: job.file,
    url: `jobs/${mine}/file`, title: `${job.file}, kept for ${limits.keep_minutes} minutes`,
  };
}

function progressText(job, since) {
  if (job.state === "queued") return job.ahead === 1 ? "1 picture is ahead of yours" : `${job.ahead} pictures are ahead of yours`;
  if (job.stage === "view") return "Preparing the view…";
  if (job.total <= 1) return "Upscaling…";
  // The first tiles include the time of compilation, so they say nothing about the rest.
  const measured = job.done - since.done;
  const seconds = measured > 1 ? ((performance.now() - since.at) / 1000 / measured) * (job.total - job.done) : 0;
  const left = seconds > 90 ? `, about ${Math.round(seconds / 60)} min left` : seconds > 3 ? `, about ${Math.round(seconds)} s left` : "";
  return `Tile ${job.done} of ${job.total}${left}`;
}
