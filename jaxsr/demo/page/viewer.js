// Two pictures of the same size on a canvas, left and right of a divider, with a shared zoom and position.

const MOST_TILES = 300;
const ZOOM_STEP = 1.25;

// `stage` holds the elements #canvas and #divider; `onZoom` gets device pixels per picture pixel.
export function createViewer(stage, { onZoom }) {
  const canvas = stage.querySelector("#canvas");
  const divider = stage.querySelector("#divider");
  const context = canvas.getContext("2d");
  const squares = context.createPattern(chequered(), "repeat");
  const tiles = new Map();
  let width = 1, height = 1, left = null, right = null;
  let zoom = 1, x = 0, y = 0, split = 0.5, fitted = true, asked = false;

  function show(size, leftLayer, rightLayer) {
    ({ width, height } = size);
    [left, right] = [leftLayer, rightLayer];
    tiles.clear();
    place(0.5);
    fit();
  }

  function redraw() {
    if (!asked) requestAnimationFrame(draw);
    asked = true;
  }

  function draw() {
    asked = false;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!left) return;
    const middle = Math.round(split * canvas.width);
    drawLayer(left, 0, middle);
    drawLayer(right, middle, canvas.width);
    drawGround();
    for (const url of tiles.keys()) {
      if (tiles.size <= MOST_TILES) break;
      tiles.delete(url);
    }
  }

  function drawLayer(layer, from, to) {
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, canvas.height);
    context.clip();
    // The wanted level has pixels of one screen pixel or slightly less. Coarser levels are drawn below it, for the places
    // where its tiles have not arrived yet.
    const pixel = (zoom * width) / layer.width;
    const finest = layer.levels - 1;
    const wanted = Math.max(0, finest - Math.max(0, Math.floor(-Math.log2(pixel))));
    for (let level = 0; level <= wanted; level++) {
      drawLevel(layer, level, from, to, level === 0 || level === wanted);
    }
    context.restore();
  }

  function drawLevel(layer, level, from, to, load) {
    const shrink = 2 ** (layer.levels - 1 - level);
    const [w, h] = [Math.ceil(layer.width / shrink), Math.ceil(layer.height / shrink)];
    // Device pixels per pixel of this level.
    const [across, down] = [(zoom * width) / w, (zoom * height) / h];
    const size = layer.tile;
    const last = [Math.ceil(w / size) - 1, Math.ceil(h / size) - 1];
    const clamp = (value, most) => Math.min(Math.max(Math.floor(value), 0), most);
    context.imageSmoothingEnabled = across < (layer.pixelated ? 1 : 3);
    context.imageSmoothingQuality = "high";
    for (let row = clamp(-y / down / size, last[1]); row <= clamp((canvas.height - y) / down / size, last[1]); row++) {
      for (let column = clamp((from - x) / across / size, last[0]); column <= clamp((to - x) / across / size, last[0]); column++) {
        const image = tile(layer.tileUrl(level, column, row), load);
        if (!image) continue;
        // Edges on whole device pixels leave no gap between tiles.
        const edge = (index, count, step, origin) => Math.round(Math.min(index * size, count) * step + origin);
        const [x0, x1] = [edge(column, w, across, x), edge(column + 1, w, across, x)];
        const [y0, y1] = [edge(row, h, down, y), edge(row + 1, h, down, y)];
        // The coarser level must not show through transparent parts.
        context.clearRect(x0, y0, x1 - x0, y1 - y0);
        context.drawImage(image, x0, y0, x1 - x0, y1 - y0);
      }
    }
  }

  // Squares behind transparent parts.
  function drawGround() {
    context.save();
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = squares;
    context.fillRect(Math.round(x), Math.round(y), Math.round(width * zoom), Math.round(height * zoom));
    context.restore();
  }

  function tile(url, load) {
    let image = tiles.get(url);
    if (image) {
      tiles.delete(url);
      tiles.set(url, image);
    } else if (load) {
      image = new Image();
      image.onload = redraw;
      image.src = url;
      tiles.set(url, image);
    }
    return image?.complete && image.naturalWidth ? image : null;
  }

  function fitZoom() {
    return Math.min(canvas.width / width, canvas.height / height, 4);
  }

  function fit() {
    zoom = fitZoom();
    x = (canvas.width - width * zoom) / 2;
    y = (canvas.height - height * zoom) / 2;
    fitted = true;
    moved();
  }

  // Zoom to a factor. The point (cx, cy), in device pixels, stays in place.
  function zoomTo(factor, cx = canvas.width / 2, cy = canvas.height / 2) {
    const next = Math.min(Math.max(factor, fitZoom() / 2), 32);
    x = cx - ((cx - x) * next) / zoom;
    y = cy - ((cy - y) * next) / zoom;
    zoom = next;
    fitted = false;
    moved();
  }

  function pan(dx, dy) {
    x += dx;
    y += dy;
    fitted = false;
    moved();
  }

  function moved() {
    // Part of the picture always stays visible.
    const margin = Math.min(80, canvas.width / 4);
    x = Math.min(Math.max(x, margin - width * zoom), canvas.width - margin);
    y = Math.min(Math.max(y, margin - height * zoom), canvas.height - margin);
    onZoom(zoom);
    redraw();
  }

  function place(part) {
    split = Math.min(Math.max(part, 0), 1);
    divider.style.left = `${100 * split}%`;
    divider.setAttribute("aria-valuenow", Math.round(100 * split));
    redraw();
  }

  new ResizeObserver(() => {
    if (!stage.clientWidth) return; // hidden
    canvas.width = Math.round(stage.clientWidth * devicePixelRatio);
    canvas.height = Math.round(stage.clientHeight * devicePixelRatio);
    if (fitted) fit();
    else moved();
  }).observe(stage);

  return {
    show, fit, pan, place, zoomTo,
    setLeft(layer) { left = layer; redraw(); },
    zoomIn() { zoomTo(zoom * ZOOM_STEP); },
    zoomOut() { zoomTo(zoom / ZOOM_STEP); },
    get zoom() { return zoom; },
    get split() { return split; },
    get isFitted() { return fitted; },
  };
}

function chequered() {
  const pattern = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  const context = pattern.getContext("2d");
  for (const [shade, x, y, side] of [["#999", 0, 0, 32], ["#777", 0, 0, 16], ["#777", 16, 16, 16]]) {
    context.fillStyle = shade;
    context.fillRect(x, y, side, side);
  }
  return pattern;
}
