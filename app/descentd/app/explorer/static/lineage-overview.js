// The overview of a large lineage on a canvas: the places come with the page, here they are drawn, moved and enlarged.
// The node that one is at is a link above the canvas: Tab reaches it, arrow keys walk on from it, Enter opens it.

import { Paths, dashesOf, trace } from "./lineage-paths.js";
import { Walk, leaveFrom } from "./lineage-walk.js";

const REST = 120; // milliseconds without a move after which what was moved as an image is drawn anew
const SMALLEST = 9; // pixels of a node's height below which no text is drawn in it
const KINDS = ["better", "worse", "blamed", "unsure"]; // of lines that are not plain: the last that a style has
const FINEST = 0.3; // of the scale, below which a dash is less than two pixels and drawn as a line
const COLORS = ["--sheet", "--faint", "--ink", "--soft", "--line", "--bad", "--good", "--link"];

class Overview extends HTMLElement {
  connectedCallback() {
    if (this.canvas) return;
    this.said = document.createElement("p");
    this.said.setAttribute("role", "status");
    this.said.textContent = this.dataset.working;
    this.named = document.createElement("p");
    this.named.setAttribute("aria-hidden", "true"); // it says what the link says, to those who see it
    this.append(this.named, this.said);
    try {
      this.begin(JSON.parse(this.querySelector("script").textContent));
      this.said.textContent = "";
    } catch {
      this.said.textContent = this.dataset.failed;
    }
  }

  begin(data) {
    this.data = data;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${data.nodes.length} nodes, ${data.lines.length} lines`);
    this.canvas.tabIndex = -1;
    this.window = document.createElement("div");
    this.window.className = "window";
    this.window.setAttribute("role", "application"); // so that screen readers leave the arrow keys to it
    this.window.setAttribute("aria-label", this.dataset.title);
    this.window.setAttribute("aria-describedby", "lineage-keys");
    this.window.append(this.canvas);
    this.prepend(this.window);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.image = document.createElement("canvas");
    this.sort();
    this.follow();
    // It is there with the first frame of the page, and drawn anew once it has another size.
    this.resize();
    this.stand(data.current);
    this.dataset.ready = "yes";
    new ResizeObserver(() => {
      const { width, height } = this.extent();
      if (width !== this.canvas.width || height !== this.canvas.height) this.resize();
    }).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.resize());
  }

  // Lines and nodes by style, each as one path: a style is set once a frame. Nodes by stripes, to find what is seen.
  sort() {
    const { styles, nodes, lines } = this.data;
    this.lines = new Paths();
    for (const [style, ...points] of lines) {
      const kind = KINDS.findLast((kind) => styles[style].includes(kind)) ?? "plain";
      trace(this.lines.of(kind, dashesOf(styles[style])), points, this.data.right);
    }
    this.boxes = new Paths();
    for (const [x, y, width, height, style] of nodes) {
      const kind = styles[style].includes("selected") ? "selected" : styles[style].includes("worse") ? "bad"
        : styles[style].includes("model-version") ? "version" : "data";
      this.boxes.of(kind, dashesOf(styles[style])).rect(x, y, width, height);
    }
    this.order = nodes.map((node, i) => i).sort((a, b) => nodes[a][0] - nodes[b][0]);
    this.widest = nodes.reduce((most, node) => Math.max(most, node[2]), 0);
  }

  resize() {
    const style = getComputedStyle(this);
    this.color = Object.fromEntries(COLORS.map((name) => [name.slice(2), style.getPropertyValue(name).trim()]));
    this.font = style.fontFamily;
    const { width, height, ratio } = this.extent();
    this.ratio = ratio;
    this.canvas.width = this.image.width = width;
    this.canvas.height = this.image.height = height;
    if (!width || !height) return; // hidden
    if (!this.view) this.fit();
    this.draw();
  }

  extent() {
    const ratio = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    return { width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio), ratio };
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    const scale = Math.min(clientWidth / this.data.width, clientHeight / this.data.height, 1);
    const x = (clientWidth - this.data.width * scale) / 2, y = (clientHeight - this.data.height * scale) / 2;
    this.view = { scale, x, y };
  }

  // What one walks over, made at the first key.
  get walk() {
    if (!this.walked) {
      const { nodes, links, right } = this.data;
      const middles = new Map(nodes.map(([x, y, width, height], i) => [i, { x: x + width / 2, y: y + height / 2 }]));
      this.walked = new Walk(middles, links, right ? "right" : "down");
    }
    return this.walked;
  }

  // Be at a node: its link takes the place and the focus of the one before. Each has one of its own, since screen readers
  // say what gets the focus, and not what becomes of a link that has it.
  stand(at) {
    const [, , , , , , address, says] = this.data.nodes[at];
    const before = this.link, link = document.createElement("a");
    link.href = address;
    link.id = "drawing"; // where the link that skips to the drawing leads
    link.setAttribute("aria-label", says);
    link.addEventListener("click", () => leaveFrom(String(this.data.places[at])));
    link.addEventListener("focus", () => {
      this.named.textContent = says;
      this.reveal();
    });
    this.at = at;
    this.link = link;
    this.lay();
    this.window.append(link);
    if (before?.matches(":focus")) link.focus({ preventScroll: true });
    before?.remove();
  }

  // Be at the node of a place, with the focus; whether it is drawn.
  enter(place) {
    const at = this.data.places.indexOf(Number(place));
    if (at < 0) return false;
    this.stand(at);
    this.link.focus({ preventScroll: true });
    return true;
  }

  // Lay the link over its node.
  lay() {
    if (!this.link || !this.view) return;
    const [x, y, width, height] = this.data.nodes[this.at];
    const { scale } = this.view, { style } = this.link;
    style.left = `${this.view.x + x * scale}px`;
    style.top = `${this.view.y + y * scale}px`;
    style.width = `${width * scale}px`;
    style.height = `${height * scale}px`;
  }

  reveal() {
    const [x, y, width, height] = this.data.nodes[this.at];
    const { scale } = this.view, { clientWidth, clientHeight } = this.canvas;
    const left = this.view.x + x * scale, top = this.view.y + y * scale;
    const inside = left >= 0 && top >= 0 && left + width * scale <= clientWidth && top + height * scale <= clientHeight;
    if (inside) return;
    this.view = { scale, x: clientWidth / 2 - (x + width / 2) * scale, y: clientHeight / 2 - (y + height / 2) * scale };
    this.moved();
  }

  later() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  // While it moves, what was drawn last is shown as an image: ten thousand curves take longer than a frame.
  moved() {
    this.lay();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.later(), REST);
    this.moving ??= requestAnimationFrame(() => {
      this.moving = null;
      const { context, ratio, view, drawn } = this;
      const part = view.scale / drawn.scale;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.fillStyle = this.color.sheet;
      context.fillRect(0, 0, this.canvas.width, this.canvas.height);
      context.setTransform(part, 0, 0, part, (view.x - drawn.x * part) * ratio, (view.y - drawn.y * part) * ratio);
      context.drawImage(this.image, 0, 0);
    });
  }

  draw() {
    this.lay();
    const { context, color, ratio } = this;
    const { scale, x, y } = this.view;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = color.sheet;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    const thin = 1 / scale;
    const dashed = (dashes) => (scale < FINEST ? [] : dashes);
    for (const [kind, dashes, path] of this.lines.inOrder(["plain", ...KINDS])) {
      const plain = kind === "plain", marked = kind === "blamed" || kind === "unsure";
      const width = plain ? Math.min(1.2, thin) : marked ? Math.max(4.5, 3 * thin) : Math.max(2.5, 1.5 * thin);
      context.lineWidth = width;
      context.setLineDash(kind === "unsure" ? [3.6 * width, 1.1 * width] : dashed(dashes));
      context.strokeStyle = color[plain ? (scale < 0.3 ? "line" : "soft") : kind === "better" ? "good" : "bad"];
      context.stroke(path);
    }
    for (const [kind, dashes, path] of this.boxes.inOrder(["data", "version", "bad", "selected"])) {
      context.fillStyle = kind === "data" ? color.faint : kind === "bad" && scale < 0.2 ? color.bad : color.sheet;
      if (scale < 0.2 && kind !== "bad") context.fillStyle = kind === "selected" ? color.link : color.soft;
      context.fill(path);
      if (scale >= 0.2) {
        context.lineWidth = kind === "selected" ? 4 : 1.4;
        context.setLineDash(dashed(dashes));
        context.strokeStyle = { selected: color.link, bad: color.bad, data: color.soft, version: color.ink }[kind];
        context.stroke(path);
      }
    }
    context.setLineDash([]);
    if (22 * scale >= SMALLEST) this.write();
    this.image.getContext("2d", { alpha: false }).drawImage(this.canvas, 0, 0);
    this.drawn = this.view;
  }

  write() {
    const { context, color } = this;
    context.fillStyle = color.ink;
    context.font = `600 14px ${this.font}`;
    for (const i of this.seen()) {
      const [x, y, , , , text] = this.data.nodes[i];
      context.fillText(text, x + 14, y + 22);
    }
  }

  *seen() {
    const { scale, x, y } = this.view;
    const left = -x / scale, right = left + this.canvas.clientWidth / scale;
    const top = -y / scale, bottom = top + this.canvas.clientHeight / scale;
    const { nodes } = this.data;
    for (let at = this.first(left - this.widest); at < this.order.length; at++) {
      const node = nodes[this.order[at]];
      if (node[0] > right) return;
      if (node[1] < bottom && node[1] + node[3] > top) yield this.order[at];
    }
  }

  first(x) {
    let low = 0, high = this.order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.data.nodes[this.order[middle]][0] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  under(event) {
    const { scale, x, y } = this.view;
    const px = (event.offsetX - x) / scale, py = (event.offsetY - y) / scale;
    for (let at = this.first(px - this.widest); at < this.order.length; at++) {
      const node = this.data.nodes[this.order[at]];
      if (node[0] > px) return null;
      if (px <= node[0] + node[2] && py >= node[1] && py <= node[1] + node[3]) return node;
    }
    return null;
  }

  zoom(by, px, py) {
    const scale = Math.min(3, Math.max(0.002, this.view.scale * by));
    const part = scale / this.view.scale;
    this.view = { scale, x: px - (px - this.view.x) * part, y: py - (py - this.view.y) * part };
    this.moved();
  }

  follow() {
    const { canvas } = this;
    let from = null, moved = false;
    canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX - this.view.x, y: event.clientY - this.view.y };
      moved = false;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (from) {
        const x = event.clientX - from.x, y = event.clientY - from.y;
        moved ||= Math.hypot(x - this.view.x, y - this.view.y) > 3;
        this.view = { ...this.view, x, y };
        this.moved();
      } else {
        const node = this.under(event);
        this.named.textContent = node ? node[7] : "";
        canvas.style.cursor = node ? "pointer" : "";
      }
    });
    canvas.addEventListener("pointerup", (event) => {
      from = null;
      const node = moved ? null : this.under(event);
      if (!node) return;
      this.stand(this.data.nodes.indexOf(node));
      this.link.click();
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.offsetX, event.offsetY);
    }, { passive: false });
    this.addEventListener("keydown", (event) => this.key(event));
  }

  // Arrow keys walk, with Shift they move the drawing.
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { canvas } = this, { x, y } = this.view;
    const by = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[event.key];
    if (by && event.shiftKey) this.view = { ...this.view, x: x + by[0], y: y + by[1] };
    else if (event.key === "+") this.zoom(1.25, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "-") this.zoom(0.8, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "0") this.fit();
    else if (event.key === "Home" || this.walk.knows(event.key)) {
      const next = event.key === "Home" ? this.data.current : this.walk.step(this.at, event.key);
      if (next !== undefined) this.stand(next);
      this.link.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    this.moved();
  }
}

customElements.define("lineage-overview", Overview);
