// Upscaling in this browser. It replaces the demo's module of the same name on the same page.

let worker = null, urls = [], settings = null;

// The models, the bundled photos, and what to tell the visitor before they choose a photo.
export async function options() {
  settings = await (await fetch("models.json")).json();
  return {
    models: settings.models.map(({ name }) => ({ name, strength: false })),
    samples: settings.samples,
    limits: `Up to ${settings.megapixels} megapixels`,
    promise: "Pictures do not leave this browser.",
  };
}

// The result for a file, or undefined if it is no longer wanted.
export async function upscale(file, { model: name }, { wanted, report }) {
  const model = settings.models.find((each) => each.name === name);
  const done = await ask({ file, model, megapixels: settings.megapixels }, report);
  if (!wanted()) return;
  const layer = ({ blob, width, height }) => {
    const url = keep(blob);
    return { width, height, levels: 1, tile: Math.max(width, height), tileUrl: () => url };
  };
  const pictures = { before: layer(done.before), enlarged: layer(done.enlarged), after: layer(done.after) };
  const stem = file.name.replace(/\.[^.]*$/, "");
  return {
    pictures, model: name, strength: null, note: "", bytes: done.after.blob.size, name: `${stem}_x${model.scale}.png`,
    url: pictures.after.tileUrl(), title: `${done.seconds.toFixed(1)} s by ${done.backend}`,
  };
}

// No work survives a reload.
export function resume() {
  return null;
}

export function forget() {
  worker?.terminate();
  worker = null;
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
}

function keep(blob) {
  urls.push(URL.createObjectURL(blob));
  return urls.at(-1);
}

function ask(task, report) {
  worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "This browser cannot run the upscaler"));
    worker.onmessage = ({ data }) => {
      if (data.error) reject(new Error(data.error));
      else if (data.after) resolve(data);
      else report(data.text, data.part);
    };
    worker.postMessage(task);
  });
}
