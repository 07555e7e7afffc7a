// Pointer, wheel and keyboard input for a viewer.

export function listen(stage, viewer) {
  const divider = stage.querySelector("#divider");
  const pointers = new Map();
  const device = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) * devicePixelRatio, (event.clientY - box.top) * devicePixelRatio];
  };
  const spread = () => {
    const [[ax, ay], [bx, by]] = [...pointers.values()];
    return { distance: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2, y: (ay + by) / 2 };
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || divider.contains(event.target)) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, device(event));
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const [fromX, fromY] = pointers.get(event.pointerId);
    const before = pointers.size === 2 ? spread() : null;
    const [x, y] = device(event);
    pointers.set(event.pointerId, [x, y]);
    if (!before) return viewer.pan(x - fromX, y - fromY);
    const after = spread();
    viewer.pan(after.x - before.x, after.y - before.y);
    if (before.distance) viewer.zoomTo((viewer.zoom * after.distance) / before.distance, after.x, after.y);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      if (!pointers.size) stage.classList.remove("moving");
    });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    // One line of a mouse wheel counts as about 30 pixels of a touchpad.
    const step = event.deltaY * (event.deltaMode ? 30 : 1);
    viewer.zoomTo(viewer.zoom * Math.exp(-step / 400), ...device(event));
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => {
    if (divider.contains(event.target)) return;
    if (viewer.isFitted) viewer.zoomTo(1, ...device(event));
    else viewer.fit();
  });

  divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const box = stage.getBoundingClientRect();
    viewer.place((event.clientX - box.left) / box.width);
  });

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const ends = { Home: 0, End: 1 };
    const keys = { "+": viewer.zoomIn, "=": viewer.zoomIn, "-": viewer.zoomOut, 0: viewer.fit, 1: () => viewer.zoomTo(1) };
    if (event.target === divider && event.key in ends) viewer.place(ends[event.key]);
    else if (event.target === divider && event.key in arrows && arrows[event.key][0]) {
      viewer.place(viewer.split - arrows[event.key][0] * (event.shiftKey ? 0.1 : 0.02));
    } else if (event.key in arrows) viewer.pan(...arrows[event.key].map((step) => 80 * devicePixelRatio * step));
    else if (event.key in keys) keys[event.key]();
    else return;
    event.preventDefault();
  });
}
