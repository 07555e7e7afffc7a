// A photo in, three PNGs out: the photo as it was read, its bicubic enlargement, and the network's result.

import { planTiles } from "./tiles.js";

const RUNTIME = new URL("./onnxruntime/", import.meta.url).href;
// Larger tiles need more memory than WASM has on phones.
const SMALLEST_TILE = 240;
// An opacity below half a level of 255 is invisible, and dividing by it would give noise.
const SEEN = 0.5 / 255;

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await upscale(data));
  } catch (error) {
    self.postMessage({ error: error.message ?? String(error) });
  }
};

async function upscale({ file, model, megapixels }) {
  const photo = await read(file, megapixels);
  tell("Loading the network…");
  const { runtime, sessions, backend } = await load(model);
  const began = performance.now();
  const tiles = planTiles(photo.height, photo.width, { tile: Math.max(SMALLEST_TILE, 4 * model.halo), halo: model.halo });
  const [after, enlarged] = [0, 1].map(() => surface(photo.width * model.scale, photo.height * model.scale));
  for (const [index, tile] of tiles.entries()) {
    tell(tiles.length > 1 ? `Tile ${index + 1} of ${tiles.length}` : "Upscaling…", tiles.length > 1 ? index / tiles.length : null);
    const parts = await enlargements(runtime, sessions, crop(photo, tile));
    put(after, parts.upscaled, tile, model.scale);
    put(enlarged, parts.bicubic, tile, model.scale);
  }
  const seconds = (performance.now() - began) / 1000;
  tell("Writing the file…");
  const before = surface(photo.width, photo.height);
  before.putImageData(photo, 0, 0);
  const [first, second, third] = await Promise.all([before, enlarged, after].map(png));
  return { before: first, enlarged: second, after: third, backend, seconds };
}

function tell(text, part = null) {
  self.postMessage({ text, part });
}

// The photo as ImageData, turned upright and in sRGB.
async function read(file, megapixels) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { premultiplyAlpha: "none" });
  } catch {
    throw new Error(`${file.name}: this browser cannot read it as a picture`);
  }
  const { width, height } = bitmap;
  if (width * height > megapixels * 1e6) {
    throw new Error(`${file.name} has ${width} × ${height} pixels, more than the ${megapixels} megapixels that this page can hold in memory; choose a smaller one`);
  }
  const context = surface(width, height);
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height);
}

// In the CPU's memory: a GPU canvas may round the values that are read back.
function surface(width, height) {
  return new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
}

async function load(model) {
  if (await navigator.gpu?.requestAdapter().catch(() => null)) {
    // A graphics card can be present and still refuse to work.
    try {
      return await loadFor("webgpu", model);
    } catch (error) {
      console.warn(error);
    }
  }
  return loadFor("wasm", model);
}

async function loadFor(backend, model) {
  const runtime = await import(`./onnxruntime/ort.${backend}.min.mjs`);
  runtime.env.wasm.wasmPaths = RUNTIME;
  // A name can have characters that mean something in an address, such as # and ?.
  const address = (file) => new URL(`../${file.split("/").map(encodeURIComponent).join("/")}`, import.meta.url).href;
  const open = (file) => runtime.InferenceSession.create(address(file), { executionProviders: [backend] });
  return { runtime, backend, sessions: { network: await open(model.file), bicubic: await open(model.bicubic) } };
}

function crop(photo, { top, left, height, width }) {
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let row = 0; row < height; row++) {
    const start = 4 * ((top + row) * photo.width + left);
    pixels.set(photo.data.subarray(start, start + 4 * width), 4 * row * width);
  }
  return { pixels, width, height };
}

// A tile enlarged by the network and by bicubic, as ImageData. As in jaxsr/upscaling/transparency.py, colours are
// multiplied by their opacity first, so that invisible colours do not reach a visible edge.
async function enlargements(runtime, { network, bicubic }, { pixels, width, height }) {
  const count = width * height;
  const [colours, opacities] = [new Float32Array(3 * count), new Float32Array(3 * count)];
  let opaque = true;
  for (let i = 0; i < count; i++) {
    const opacity = pixels[4 * i + 3] / 255;
    opaque &&= opacity === 1;
    for (let channel = 0; channel < 3; channel++) {
      colours[channel * count + i] = (pixels[4 * i + channel] / 255) * opacity;
      opacities[channel * count + i] = opacity;
    }
  }
  const run = async (session, values) => {
    const { output } = await session.run({ input: new runtime.Tensor("float32", values, [1, 3, height, width]) });
    return output;
  };
  const opacity = opaque ? null : (await run(bicubic, opacities)).data;
  return {
    upscaled: image(await run(network, colours), opacity),
    bicubic: image(await run(bicubic, colours), opacity),
  };
}

function image({ data, dims: [, , height, width] }, opacity) {
  const count = width * height;
  const result = new ImageData(width, height);
  for (let i = 0; i < count; i++) {
    const weight = opacity ? opacity[i] : 1;
    if (weight <= SEEN) continue;
    // The array clips values, and rounds halves to even.
    for (let channel = 0; channel < 3; channel++) result.data[4 * i + channel] = (255 * data[channel * count + i]) / weight;
    result.data[4 * i + 3] = 255 * weight;
  }
  return result;
}

// Draw the kept part of a tile at its place.
function put(context, pixels, { top, left, kept }, scale) {
  const [x, y] = [(kept.left - left) * scale, (kept.top - top) * scale];
  context.putImageData(pixels, left * scale, top * scale, x, y, kept.width * scale, kept.height * scale);
}

async function png(context) {
  const { width, height } = context.canvas;
  return { blob: await context.canvas.convertToBlob({ type: "image/png" }), width, height };
}
