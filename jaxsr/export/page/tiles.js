// Tiles of one shape that cover a picture, as in jaxsr/upscaling/tiling.py. Of each tile, the pixels at least a halo away
// from its inner sides are kept. A tile at the picture's edge ends at that edge.

// [{ top, left, height, width, kept: { top, left, height, width } }, …], in pixels of the picture.
export function planTiles(height, width, { tile, halo }) {
  const rows = spans(height, tile, halo);
  const columns = spans(width, tile, halo);
  return rows.flatMap((row) => columns.map((column) => ({
    top: row.start, height: row.length, left: column.start, width: column.length,
    kept: { top: row.first, height: row.last - row.first, left: column.first, width: column.last - column.first },
  })));
}

function spans(total, tile, halo) {
  const found = [];
  for (let first = 0; first < total; first = found.at(-1).last) {
    const start = Math.max(Math.min(first - halo, total - tile), 0);
    const end = Math.min(start + tile, total);
    found.push({ start, length: end - start, first, last: end === total ? end : end - halo });
  }
  return found;
}
