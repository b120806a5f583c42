// The viewer of pages/common/viewer.py: from a picture's own values to greys, in the browser.
// Titles and names come from files and archives: they enter as textContent only.

const DRAG_SPAN = 250; // pixels of a drag that change the window by its own width
const LEAST_SHARE = 20; // a narrow window moves as fast as this fraction of the whole range
const KEY_DRAG = 10; // pixels of a drag that one arrow key with Shift stands for
const KEY_PAN = 0.1; // of the shown width
const KEY_ZOOM = 1.25;
const ZOOMS = [0.5, 32]; // relative to the whole picture in its frame
const BLOCKS = 3; // screen pixels a value, from which its square is shown as it is
const RATIOS = [0.6, 1.25]; // height to width of a frame
const BAR_SHARE = 0.2; // of the frame's width
const QUIET = 500; // ms without a change before it is read out
const REMEMBERED = 40; // redraw times
const TYPES = { uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array };
const SIDES = ["left", "right", "top", "bottom"];

const viewers = new WeakMap();
// How pictures of a group were left; of the tab, as a dialog's viewer is another one.
const left = (globalThis.retrievalViewerLeft ??= new Map());

// Streamlit calls this again in the same element when the data or the theme has changed.
export default function mount({ parentElement, data }) {
  const root = parentElement.querySelector(".retrieval-viewer");
  let viewer = viewers.get(root);
  // At first, and after a step that began with them; never away from a button that is in use.
  const { activeElement } = document;
  const free = !viewer || root.contains(activeElement) || activeElement === document.body;
  if (viewer && viewer.shows(data)) {
    viewer.rename(data);
  } else {
    if (viewer) viewer.end();
    viewer = new Viewer(root, data);
    viewers.set(root, viewer);
    if (data.ready && free) viewer.takeKeys();
  }
  const turn = viewer.begin();
  return () => {
    if (viewer.turn !== turn) return; // a later call took over
    viewer.end();
    viewers.delete(root);
  };
}

function make(tag, className, text, parent) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);

const identity = (data) => data.panes.map((pane) => pane.id).join(" ");

async function unpack(pane) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error(
      "This browser is too old to unpack the picture; use a current Chrome, Edge, Firefox or Safari."
    );
  }
  const text = atob(pane.pixels);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < packed.length; i += 1) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const values = new TYPES[pane.kind](await new Response(stream).arrayBuffer());
  if (values.length !== pane.rows * pane.columns) throw new Error();
  return values;
}

function extent(values) {
  let low = values[0];
  let high = values[0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// Grey of each value from low to high, as opaque pixels.
function greys([low, high], { level, width }, inverted) {
  const table = new Uint32Array(high - low + 1);
  const bottom = level - width / 2;
  for (let i = 0; i < table.length; i += 1) {
    const grey = Math.round(255 * clamp((low + i - bottom) / width, [0, 1]));
    table[i] = ((inverted ? 255 - grey : grey) * 0x010101 + 0xff000000) >>> 0;
  }
  return table;
}

function roundLength(wanted) {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const distance = (length) => Math.abs(Math.log(length / wanted));
  return [1, 2, 5, 10]
    .map((step) => step * power)
    .reduce((best, length) => (distance(length) < distance(best) ? length : best));
}

function lengthText(millimetres) {
  const [number, unit] = millimetres < 10 ? [millimetres, "mm"] : [millimetres / 10, "cm"];
  return `${Number(number.toPrecision(1))} ${unit}`;
}

class Pane {
  constructor(data, hounsfield, parent) {
    this.data = data;
    this.hounsfield = hounsfield && data.unit === hounsfield;
    this.aspect = data.spacing ? data.spacing[0] / data.spacing[1] : 1;
    this.element = make("div", "pane", "", parent);
    this.title = make("div", "title", "", this.element);
    this.frame = make("div", "frame", "", this.element);
    this.canvas = make("canvas", "", "", this.frame);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.makeMarks();
    this.note = make("p", "note", this.noteText(), this.element);
    this.note.hidden = !this.note.textContent;
    this.times = [];
    this.reset();
    this.recall();
    this.rename(data);
  }

  makeMarks() {
    const mark = (place) => make("span", `mark ${place}`, "", this.frame);
    this.windowMark = mark("top left");
    this.widthMark = make("span", "number", "", this.windowMark);
    this.windowMark.append(" ");
    this.levelMark = make("span", "number", "", this.windowMark);
    this.sizeMark = mark("top right");
    this.valueMark = mark("bottom left");
    this.scale = make("div", "scale bottom right", "", this.frame);
    this.scaleText = make("span", "", "", this.scale);
    this.bar = make("div", "bar", "", this.scale);
    this.scale.hidden = true;
    (this.data.edges || []).forEach((letters, side) => {
      make("span", `mark edge ${SIDES[side]}`, letters, this.frame);
    });
  }

  rename({ title, alt }) {
    this.title.textContent = title;
    this.title.title = title;
    this.title.hidden = !title;
    this.canvas.setAttribute(
      "aria-label",
      `${alt}. Arrow keys move it, plus and minus zoom, Shift with arrow keys changes the ` +
        "window, I inverts, 0 resets, question mark lists all keys."
    );
  }

  // A unit says what the values are; without one they are greys, and a window only contrast.
  noteText() {
    if (this.data.unit) return "";
    return this.data.kind === "uint8"
      ? "8-bit picture: windowing changes contrast only."
      : "16-bit greys, no Hounsfield units: windowing changes contrast only.";
  }

  async load() {
    try {
      this.values = await unpack(this.data);
      this.extent = extent(this.values);
      this.picture = new OffscreenCanvas(this.data.columns, this.data.rows);
      this.pictureContext = this.picture.getContext("2d");
      this.image = this.pictureContext.createImageData(this.data.columns, this.data.rows);
    } catch (error) {
      const text = error.message || "The picture could not be shown.";
      make("div", "trouble", text, this.frame).setAttribute("role", "alert");
    }
  }

  reset() {
    this.inverted = this.data.inverted;
    this.setWindow(this.data.windows[0]);
    this.setPlace({ zoom: 1, x: 0.5, y: 0.5 });
    this.stale = true;
  }

  remember() {
    const { level, width, inverted, zoom, x, y } = this;
    const { group, unit } = this.data;
    if (group) left.set(group, { unit, level, width, inverted, zoom, x, y });
  }

  recall() {
    const found = left.get(this.data.group);
    if (!found || found.unit !== this.data.unit) return;
    this.inverted = found.inverted;
    this.setWindow(found);
    this.setPlace(found);
  }

  setWindow({ level, width }) {
    this.level = level;
    this.width = Math.max(width, 1);
    this.stale = true;
  }

  hasWindow({ level, width }) {
    return this.level === level && this.width === width;
  }

  setPlace({ zoom, x, y }) {
    this.zoom = clamp(zoom, ZOOMS);
    this.x = clamp(x, [0, 1]);
    this.y = clamp(y, [0, 1]);
  }

  // Values a pixel of a drag stands for.
  sensitivity() {
    const [low, high] = this.extent || [0, 0];
    return Math.max(this.width, (high - low) / LEAST_SHARE) / DRAG_SPAN;
  }

  // Right widens; down brightens, also where low values are bright.
  dragWindow(start, across, down) {
    const towards = this.inverted ? 1 : -1;
    this.setWindow({
      width: Math.round(start.width + across * start.step),
      level: Math.round(start.level + towards * down * start.step),
    });
  }

  windowStart() {
    return { width: this.width, level: this.level, step: this.sensitivity() };
  }

  // Where the picture lies in its frame, in CSS pixels.
  placement() {
    const { clientWidth, clientHeight } = this.frame;
    const { rows, columns } = this.data;
    const fit = Math.min(clientWidth / columns, clientHeight / (rows * this.aspect));
    const width = columns * fit * this.zoom;
    const height = rows * this.aspect * fit * this.zoom;
    return {
      left: clientWidth / 2 - this.x * width,
      top: clientHeight / 2 - this.y * height,
      width,
      height,
    };
  }

  // Zoom by a factor so that what lies under (x, y) of the frame stays there.
  zoomAt(factor, x, y) {
    const old = this.placement();
    this.keepUnder(this.zoom * factor, (x - old.left) / old.width, (y - old.top) / old.height, x, y);
  }

  keepUnder(zoom, across, down, x, y) {
    this.setPlace({ zoom, x: this.x, y: this.y });
    const { width, height } = this.placement();
    const { clientWidth, clientHeight } = this.frame;
    this.setPlace({
      zoom: this.zoom,
      x: across - (x - clientWidth / 2) / width,
      y: down - (y - clientHeight / 2) / height,
    });
  }

  pan(across, down) {
    const { width, height } = this.placement();
    this.setPlace({ zoom: this.zoom, x: this.x - across / width, y: this.y - down / height });
  }

  valueAt(x, y) {
    const { left, top, width, height } = this.placement();
    const column = Math.floor(((x - left) / width) * this.data.columns);
    const row = Math.floor(((y - top) / height) * this.data.rows);
    const inside =
      row >= 0 && row < this.data.rows && column >= 0 && column < this.data.columns;
    return inside && this.values ? this.values[row * this.data.columns + column] : null;
  }

  draw() {
    if (!this.image || !this.frame.clientWidth) return;
    const begun = performance.now();
    if (this.stale) this.paint();
    this.place();
    this.times = [...this.times, performance.now() - begun].slice(-REMEMBERED);
    this.canvas.dataset.redrawMs = this.times.map((time) => time.toFixed(2)).join(" ");
    this.label();
  }

  paint() {
    const table = greys(this.extent, this, this.inverted);
    const pixels = new Uint32Array(this.image.data.buffer);
    const { values } = this;
    const [low] = this.extent;
    for (let i = 0; i < values.length; i += 1) pixels[i] = table[values[i] - low];
    this.pictureContext.putImageData(this.image, 0, 0);
    this.stale = false;
  }

  place() {
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const wide = Math.round(this.frame.clientWidth * ratio);
    const high = Math.round(this.frame.clientHeight * ratio);
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
    }
    const { left, top, width, height } = this.placement();
    context.fillStyle = "#000";
    context.fillRect(0, 0, wide, high);
    context.imageSmoothingEnabled = (width * ratio) / this.data.columns <= BLOCKS;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      this.picture,
      ...[left, top, width, height].map((length) => Math.round(length * ratio))
    );
  }

  label() {
    const unit = this.data.unit ? ` ${this.data.unit}` : "";
    const usual = this.data.windows[0];
    // The whole range of numbers without a unit says nothing, and may cover a burned-in letter.
    this.windowMark.hidden = !unit && this.hasWindow(usual) && this.data.whole;
    this.widthMark.textContent = `W ${Math.round(this.width)}`;
    this.levelMark.textContent = `L ${Math.round(this.level)}${unit}`;
    const sizes = [];
    if (this.data.shrunk > 1) {
      sizes.push(`shown at ${Math.round(100 / this.data.shrunk)} % of full size`);
    }
    if (this.zoom !== 1) sizes.push(`zoom ${this.zoom.toFixed(1)}`);
    this.sizeMark.textContent = sizes.join(", ");
    this.labelValue();
    this.labelScale();
  }

  labelValue() {
    const value = this.pointer ? this.valueAt(this.pointer.x, this.pointer.y) : null;
    const unit = this.data.unit ? ` ${this.data.unit}` : "";
    this.valueMark.textContent = value === null ? "" : `Value ${value}${unit}`;
  }

  labelScale() {
    if (!this.data.spacing) return;
    const perMillimetre = this.placement().width / (this.data.columns * this.data.spacing[1]);
    const length = roundLength((this.frame.clientWidth * BAR_SHARE) / perMillimetre);
    this.bar.style.width = `${length * perMillimetre}px`;
    this.scaleText.textContent =
      lengthText(length) + (this.data.at_detector ? " at detector" : "");
    this.scale.hidden = false;
  }
}

class Viewer {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.turn = 0;
    this.stop = new AbortController();
    this.pointers = new Map();
    root.replaceChildren();
    this.toolbar = make("div", "toolbar", "", root);
    this.toolbar.setAttribute("role", "toolbar");
    this.toolbar.setAttribute("aria-label", "Picture tools");
    this.keys = make("dl", "keys", "", root);
    this.keys.hidden = true;
    const panes = make("div", data.panes.length > 1 ? "panes two" : "panes", "", root);
    this.panes = data.panes.map((pane) => new Pane(pane, data.hounsfield, panes));
    this.note = make("p", "note", "", root);
    this.note.hidden = true;
    this.spoken = make("div", "spoken", "", root);
    this.spoken.setAttribute("aria-live", "polite");
    this.active = this.panes[0];
    this.linked = this.panes.length > 1;
    this.sameUnit = this.panes.every((pane) => pane.data.unit === data.panes[0].unit);
    this.presets = this.panes.some((pane) => pane.hounsfield) ? data.presets : [];
    this.shareNote();
    this.makeToolbar();
    this.makeKeys();
    this.resize();
    this.listen();
    this.shareWindow(this.panes[0]);
    this.shareInversion(this.panes[0]);
    this.panes.forEach((pane) => pane.setPlace(this.panes[0]));
    this.load();
  }

  // The keys, but not the wheel: the page still scrolls until a picture is clicked.
  takeKeys() {
    this.root.tabIndex = -1; // no outline: it is no control, and the keys work all the same
    const typing = ["INPUT", "TEXTAREA"].includes(document.activeElement?.tagName);
    if (!typing) this.root.focus({ preventScroll: true });
  }

  shows(data) {
    return identity(data) === identity(this.data);
  }

  rename(data) {
    this.data = data;
    this.panes.forEach((pane, place) => pane.rename(data.panes[place]));
    this.resize();
  }

  begin() {
    this.turn += 1;
    return this.turn;
  }

  end() {
    this.stop.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.speaking);
  }

  async load() {
    await Promise.all(this.panes.map((pane) => pane.load()));
    this.schedule();
  }

  // The frames of a pair have one shape, or the same zoom would not be comparable.
  resize() {
    const ratios = this.panes.map(({ data, aspect }) => (data.rows * aspect) / data.columns);
    this.root.style.setProperty("--ratio", clamp(Math.max(...ratios), RATIOS));
    this.root.style.setProperty("--height", `${this.data.height}px`);
  }

  shareNote() {
    const notes = new Set(this.panes.map((pane) => pane.noteText()));
    if (this.panes.length < 2 || notes.size > 1) return;
    [this.note.textContent] = notes;
    this.note.hidden = !this.note.textContent;
    this.panes.forEach((pane) => {
      pane.note.hidden = true;
    });
  }

  // Which panes an action is for.

  placed() {
    return this.linked ? this.panes : [this.active];
  }

  windowed() {
    return this.linked && this.sameUnit ? this.panes : [this.active];
  }

  forPresets() {
    const meant = this.windowed().filter((pane) => pane.hounsfield);
    return meant.length ? meant : this.panes.filter((pane) => pane.hounsfield);
  }

  // Actions.

  reset() {
    const meant = this.linked ? this.panes : [this.active];
    meant.forEach((pane) => pane.reset());
    if (this.linked) this.shareWindow(this.panes[0]);
    this.changed();
  }

  // One window for both only where its numbers mean the same in both.
  shareWindow(from) {
    if (!this.sameUnit || !from.hounsfield) return;
    this.panes.forEach((pane) => pane.setWindow(from));
  }

  // A scan that was left inverted stands beside an inverted case.
  shareInversion(from) {
    const turned = from.inverted !== from.data.inverted;
    this.windowed().forEach((pane) => {
      pane.inverted = pane.data.inverted !== turned;
      pane.stale = true;
    });
  }

  sharePlace() {
    this.placed().forEach((pane) => pane.setPlace(this.active));
    this.changed();
  }

  invert() {
    this.windowed().forEach((pane) => {
      pane.inverted = !pane.inverted;
      pane.stale = true;
    });
    this.changed();
  }

  preset(number) {
    const preset = this.presets[number];
    if (!preset) return;
    this.forPresets().forEach((pane) => pane.setWindow(preset));
    this.changed();
  }

  ownWindow(number) {
    const { windows } = this.active.data;
    this.active.setWindow(windows[number]);
    if (this.linked) this.shareWindow(this.active);
    this.changed();
  }

  dragWindow(starts, across, down) {
    starts.forEach((start, pane) => pane.dragWindow(start, across, down));
    if (this.linked) this.shareWindow(this.active);
    this.changed();
  }

  windowStarts() {
    return new Map(this.windowed().map((pane) => [pane, pane.windowStart()]));
  }

  zoom(factor, x, y) {
    const { clientWidth, clientHeight } = this.active.frame;
    this.active.zoomAt(factor, x ?? clientWidth / 2, y ?? clientHeight / 2);
    this.sharePlace();
  }

  pan(across, down) {
    this.active.pan(across, down);
    this.sharePlace();
  }

  toggleLink() {
    this.linked = !this.linked;
    if (this.linked) {
      this.shareWindow(this.active);
      this.sharePlace();
    }
    this.changed();
  }

  toggleKeys(open = this.keys.hidden) {
    this.keys.hidden = !open;
    this.keysButton.setAttribute("aria-expanded", String(open));
  }

  activate(pane) {
    if (this.active === pane) return;
    this.active = pane;
    this.fillWindows();
    this.showState();
  }

  // Drawing.

  changed() {
    this.schedule();
    this.panes.forEach((pane) => pane.remember());
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => this.speak(), QUIET);
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.panes.forEach((pane) => pane.draw());
      this.showState();
    });
  }

  speak() {
    const { width, level, data } = this.active;
    const text = `Window width ${Math.round(width)}, level ${Math.round(level)} ${data.unit}`;
    if (this.spoken.textContent !== text.trim()) this.spoken.textContent = text.trim();
  }

  // Toolbar.

  makeToolbar() {
    if (this.presets.length) {
      const group = this.group();
      this.presetButtons = this.presets.map((preset, place) =>
        this.button(group, preset.name, this.presetTip(preset, place), () => this.preset(place))
      );
    }
    const group = this.group();
    this.makeWindows(group);
    this.invertButton = this.button(group, "Invert", "Invert (key I)", () => this.invert());
    this.button(group, "−", "Zoom out (key -)", () => this.zoom(1 / KEY_ZOOM)).className = "sign";
    this.button(group, "+", "Zoom in (key +)", () => this.zoom(KEY_ZOOM)).className = "sign";
    this.button(group, "Reset", "Reset window and zoom (key 0)", () => this.reset());
    this.makeLink();
    this.keysButton = this.button(this.group(), "?", "What mouse and keys do (key ?)", () =>
      this.toggleKeys()
    );
    this.keysButton.className = "sign";
    this.keysButton.setAttribute("aria-expanded", "false");
  }

  presetTip({ name, width, level }, place) {
    return `${name} window: width ${width}, level ${level} (key ${place + 1})`;
  }

  group() {
    return make("div", "group", "", this.toolbar);
  }

  button(parent, text, tip, action) {
    const button = make("button", "", text, parent);
    button.type = "button";
    button.title = tip;
    button.setAttribute("aria-label", tip);
    button.addEventListener("click", action, { signal: this.stop.signal });
    return button;
  }

  makeWindows(group) {
    this.windows = make("select", "", "", group);
    this.windows.setAttribute("aria-label", "Window named in the file");
    this.windows.addEventListener("change", () => this.ownWindow(Number(this.windows.value)), {
      signal: this.stop.signal,
    });
    this.fillWindows();
  }

  fillWindows() {
    const { windows } = this.active.data;
    this.windows.replaceChildren();
    const other = make("option", "", "Other window", this.windows);
    other.value = "-1";
    other.hidden = true;
    windows.forEach(({ name, width, level }, place) => {
      const numbers = `${Math.round(width)} / ${Math.round(level)}`;
      make("option", "", name ? `${name} ${numbers}` : numbers, this.windows).value = place;
    });
    this.windows.hidden = windows.length < 2;
  }

  makeLink() {
    if (this.panes.length < 2) return;
    const group = this.group();
    this.linkButton = this.button(group, "Link", "Link: change both pictures together (key L)", () =>
      this.toggleLink()
    );
    if (!this.sameUnit) {
      const text = "Zoom only: the pictures have different units, so each keeps its own window.";
      make("span", "note", text, this.toolbar);
    }
  }

  showState() {
    const press = (button, on) => button && button.setAttribute("aria-pressed", String(on));
    this.presets.forEach((preset, place) => {
      press(this.presetButtons[place], this.forPresets().every((pane) => pane.hasWindow(preset)));
    });
    press(this.invertButton, this.active.inverted !== this.active.data.inverted);
    press(this.linkButton, this.linked);
    const { windows } = this.active.data;
    this.windows.value = windows.findIndex((own) => this.active.hasWindow(own));
  }

  makeKeys() {
    const pair = this.panes.length > 1;
    const presets = this.presets.map(({ name }) => name.toLowerCase()).join(", ");
    [
      ["Drag", "Window: right for less contrast, down for brighter"],
      ["Wheel", "Zoom, once the picture is clicked, or with Ctrl"],
      ["Right button", "Zoom by dragging up or down"],
      ["Shift and drag, middle button", "Move the picture"],
      ["Double click, 0, space", "Reset"],
      ["Touch", "Tap first; then one finger for the window, two to zoom and move"],
      ["Arrows", "Move the picture; with Shift, the window"],
      ["+ and -", "Zoom"],
      ...(presets ? [["1 to 4", `Window for ${presets}`]] : []),
      ["I", "Invert"],
      ...(pair ? [["L", "Change both pictures together, or one"]] : []),
      ["?", "Show or hide this list"],
    ].forEach(([keys, what]) => {
      make("dt", "", keys, this.keys);
      make("dd", "", what, this.keys);
    });
  }

  // Mouse, touch and keys.

  listen() {
    const { signal } = this.stop;
    this.observer = new ResizeObserver(() => this.schedule());
    this.panes.forEach((pane) => {
      this.observer.observe(pane.frame);
      const on = (type, handle) =>
        pane.canvas.addEventListener(type, (event) => handle.call(this, pane, event), {
          signal,
          passive: false,
        });
      on("pointerdown", this.onDown);
      on("pointermove", this.onMove);
      on("pointerup", this.onUp);
      on("pointercancel", this.onUp);
      on("lostpointercapture", this.onUp);
      on("pointerleave", this.onLeave);
      on("wheel", this.onWheel);
      on("focus", () => this.activate(pane));
      on("dblclick", () => this.reset());
      on("contextmenu", (_, event) => event.preventDefault());
      // Or the middle button starts to scroll the page.
      on("mousedown", (_, event) => event.button === 1 && event.preventDefault());
    });
    this.root.addEventListener("keydown", (event) => this.onKey(event), { signal });
    // Another screen may have other pixels while the frame keeps its size.
    window.addEventListener("resize", () => this.schedule(), { signal });
  }

  at(pane, event) {
    const box = pane.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  onDown(pane, event) {
    pane.canvas.focus({ preventScroll: true });
    pane.canvas.setPointerCapture(event.pointerId);
    if (this.gesture && this.gesture.pane !== pane) return;
    this.activate(pane);
    this.pointers.set(event.pointerId, this.at(pane, event));
    if (this.pointers.size > 2) return;
    if (this.pointers.size === 2) {
      this.startPinch(pane);
      return;
    }
    const moves = event.button === 1 || (event.button === 0 && event.shiftKey);
    const mode = moves ? "pan" : event.button === 2 ? "zoom" : "window";
    const { x, y } = this.at(pane, event);
    this.gesture = { mode, pane, x, y, x0: x, y0: y, starts: this.windowStarts() };
  }

  // The first finger has changed the window a little: back to how it was.
  startPinch(pane) {
    if (this.gesture?.mode === "window") {
      this.gesture.starts.forEach((start, changed) => changed.setWindow(start));
    }
    const { x, y, apart } = this.pinch();
    const { left, top, width, height } = pane.placement();
    this.gesture = {
      mode: "pinch",
      pane,
      apart,
      zoom: pane.zoom,
      across: (x - left) / width,
      down: (y - top) / height,
    };
  }

  pinch() {
    const [first, second] = this.pointers.values();
    return {
      x: (first.x + second.x) / 2,
      y: (first.y + second.y) / 2,
      apart: Math.max(Math.hypot(first.x - second.x, first.y - second.y), 1),
    };
  }

  onMove(pane, event) {
    pane.pointer = this.at(pane, event);
    if (!this.pointers.has(event.pointerId) || this.gesture?.pane !== pane) {
      this.schedule();
      return;
    }
    this.pointers.set(event.pointerId, pane.pointer);
    this.follow(this.gesture, pane.pointer);
  }

  follow(gesture, { x, y }) {
    if (gesture.mode === "window") {
      this.dragWindow(gesture.starts, x - gesture.x0, y - gesture.y0);
    } else if (gesture.mode === "pan") {
      this.pan(x - gesture.x, y - gesture.y);
    } else if (gesture.mode === "zoom") {
      this.zoom(Math.exp((gesture.y - y) / 100), gesture.x0, gesture.y0);
    } else if (gesture.mode === "pinch" && this.pointers.size === 2) {
      const now = this.pinch();
      const zoom = (gesture.zoom * now.apart) / gesture.apart;
      gesture.pane.keepUnder(zoom, gesture.across, gesture.down, now.x, now.y);
      this.sharePlace();
    }
    gesture.x = x;
    gesture.y = y;
  }

  onUp(pane, event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.gesture = null;
    if (event.pointerType === "touch") this.onLeave(pane);
  }

  onLeave(pane) {
    pane.pointer = null;
    this.schedule();
  }

  onWheel(pane, event) {
    const active = this.root.getRootNode().activeElement;
    const focused = active !== this.root && this.root.contains(active);
    if (!event.ctrlKey && !focused) {
      pane.valueMark.textContent = "Click, or hold Ctrl, to zoom";
      return; // the page scrolls past
    }
    event.preventDefault();
    this.activate(pane);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const turn = clamp(event.deltaY * lines, [-100, 100]);
    const { x, y } = this.at(pane, event);
    this.zoom(Math.exp(-turn / 400), x, y);
  }

  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const onButton = event.target.tagName === "BUTTON" && [" ", "Enter"].includes(event.key);
    if (onButton || event.target.tagName === "SELECT") return;
    const action = event.shiftKey ? this.shiftAction(event.key) : this.action(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
    action();
  }

  shiftAction(key) {
    const drag = (across, down) => () =>
      this.dragWindow(this.windowStarts(), across * KEY_DRAG, down * KEY_DRAG);
    return {
      ArrowRight: drag(1, 0),
      ArrowLeft: drag(-1, 0),
      ArrowDown: drag(0, 1),
      ArrowUp: drag(0, -1),
    }[key] || this.action(key.startsWith("Arrow") ? "" : key);
  }

  action(key) {
    const { clientWidth, clientHeight } = this.active.frame;
    const pan = (across, down) => () =>
      this.pan(-across * KEY_PAN * clientWidth, -down * KEY_PAN * clientHeight);
    const actions = {
      ArrowRight: pan(1, 0),
      ArrowLeft: pan(-1, 0),
      ArrowDown: pan(0, 1),
      ArrowUp: pan(0, -1),
      "+": () => this.zoom(KEY_ZOOM),
      "=": () => this.zoom(KEY_ZOOM),
      "-": () => this.zoom(1 / KEY_ZOOM),
      0: () => this.reset(),
      " ": () => this.reset(),
      i: () => this.invert(),
      "?": () => this.toggleKeys(),
    };
    if (this.linkButton) actions.l = () => this.toggleLink();
    if (!this.keys.hidden) actions.Escape = () => this.toggleKeys(false);
    this.presets.forEach((_, place) => {
      actions[place + 1] = () => this.preset(place);
    });
    return Object.hasOwn(actions, key.toLowerCase()) ? actions[key.toLowerCase()] : actions[key];
  }
}
