// The drawing of a lineage: walking along its lines by keyboard, showing more in place, moving and enlarging it, and
// saving it as a picture. Without this module all of it works by links and forms.

import { Walk, leaveFrom, leftFrom } from "./lineage-walk.js";

// By key the markers that it stands for, the first that there is.
const MARKERS = { "+": ["below", "above"], "-": ["less_below", "less_above", "less_unfolded", "less_pulled"] };
const DRAG = 4;
const AT_ONCE = 12; // parts out of sight that are drawn in one idle moment: more would be felt
const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 16));

class LineageDrawing extends HTMLElement {
  connectedCallback() {
    this.svg = this.querySelector("svg.lineage");
    this.scroller = this.querySelector(".scroll");
    if (!this.svg || this.dataset.ready) return;
    this.nodes = new Map();
    for (const link of this.svg.querySelectorAll("a[data-place]")) this.nodes.set(link.dataset.place, link);
    this.size = { width: this.svg.width.baseVal.value, height: this.svg.height.baseVal.value };
    this.scale = 1;
    this.unseen = new Set(this.svg.querySelectorAll(".part"));
    this.svg.classList.toggle("partly", this.unseen.size > 0);
    this.roam();
    this.svg.setAttribute("role", "application"); // so that screen readers leave the arrow keys to it
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("focusin", (event) => this.focused(event.target)); // the picture itself would be a stop of Tab by it
    this.svg.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-place]");
      if (link) leaveFrom(link.dataset.place);
    });
    this.move();
    this.dataset.ready = "yes";
    this.querySelector(".opens")?.remove(); // for windows without a script: it would stay as large whatever the scale is
    this.reveal(this.current(), "instant");
    this.look();
    this.scroller.addEventListener("scroll", () => this.look(), { passive: true });
    whenIdle(() => this.complete());
  }

  // Of a large drawing browsers lay out what is in the window first, and the rest little by little: it takes them as
  // long as all else together. What is printed, and what is shown without this module, is all of it.
  look() {
    if (!this.unseen.size) return;
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.scroller;
    const left = scrollLeft / this.scale, right = (scrollLeft + clientWidth) / this.scale;
    const top = scrollTop / this.scale, bottom = (scrollTop + clientHeight) / this.scale;
    for (const part of this.unseen) {
      const [x, y, width, height] = part.dataset.box.split(" ").map(Number);
      if (x < right && x + width > left && y < bottom && y + height > top) this.draw(part);
    }
  }

  draw(part) {
    this.unseen.delete(part);
    part.classList.add("drawn");
  }

  complete() {
    if (!this.isConnected) return;
    let left = AT_ONCE;
    for (const part of this.unseen) if (left-- > 0) this.draw(part);
    if (this.unseen.size) whenIdle(() => this.complete());
  }

  drawAll() {
    for (const part of this.unseen) this.draw(part);
  }

  // One node is reached by Tab, the others by arrow keys; markers stay reachable beside the node in focus.
  roam(place) {
    const current = place ?? this.current()?.dataset.place;
    if (current === this.roamed) return;
    const all = "a[data-place], a.marker";
    const left = this.roamed === undefined ? all : `a[data-place="${this.roamed}"], a.marker[data-of="${this.roamed}"]`;
    for (const link of this.svg.querySelectorAll(left)) link.setAttribute("tabindex", "-1");
    this.svg.querySelector("#drawing")?.removeAttribute("id");
    this.nodes.get(current).id = "drawing"; // where the link that skips to the drawing leads
    this.roamed = current;
    const entered = `a[data-place="${current}"], a.marker[data-of="${current}"]`;
    for (const link of this.svg.querySelectorAll(entered)) link.setAttribute("tabindex", "0");
  }

  // Be at a node, with the focus; whether it is drawn.
  enter(place) {
    const link = this.nodes.get(place);
    if (!link) return false;
    this.reveal(link, "instant");
    link.focus({ preventScroll: true });
    return true;
  }

  current() {
    return this.svg.querySelector('a[aria-current="true"]') ?? this.nodes.values().next().value;
  }

  focused(target) {
    const link = target.closest?.("a[data-place]");
    if (!link) return;
    this.roam(link.dataset.place);
    for (const line of this.svg.querySelectorAll(".line.near")) line.classList.remove("near");
    const { place } = link.dataset;
    const near = `.line[data-ends^="${place} "], .line[data-ends$=" ${place}"]`;
    for (const line of this.svg.querySelectorAll(near)) line.classList.add("near");
  }

  key(event) {
    const link = event.target.closest("a[data-place]") ?? this.nodes.get(event.target.closest("a.marker")?.dataset.of);
    if (!link || event.altKey || event.ctrlKey || event.metaKey) return;
    const { place } = link.dataset;
    if (event.key === "Home" || this.walk.knows(event.key)) {
      const next = event.key === "Home" ? this.current() : this.nodes.get(this.walk.step(place, event.key));
      event.preventDefault();
      if (next) {
        next.focus({ preventScroll: true });
        this.reveal(next);
      }
    } else if (event.key in MARKERS) {
      event.preventDefault();
      const marker = (way) => this.svg.querySelector(`a.marker[data-of="${place}"][data-way="${way}"]`);
      const offered = MARKERS[event.key].map(marker).find(Boolean)?.getAttribute("href");
      const address = event.key === "+" ? link.dataset.more ?? offered : offered;
      if (address) go(address, place);
    }
  }

  // What one walks over, made at the first key: to find out where all nodes are takes as long as to draw them.
  get walk() {
    if (!this.walked) {
      this.drawAll();
      const middles = new Map([...this.nodes].map(([place, link]) => [place, center(link)]));
      const links = this.dataset.links ? this.dataset.links.split(",").map((pair) => pair.split(" ")) : [];
      this.walked = new Walk(middles, links, this.dataset.flow, this.steps);
    }
    return this.walked;
  }

  reveal(link, behavior) {
    if (!link || !this.scroller) return;
    const part = link.closest(".part");
    if (part) this.draw(part);
    const at = center(link);
    const { clientWidth, clientHeight } = this.scroller;
    const still = behavior === "instant" || matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({
      left: at.x * this.scale - clientWidth / 2,
      top: at.y * this.scale - clientHeight / 2,
      behavior: still ? "instant" : "smooth",
    });
  }

  zoom(by) {
    const before = this.scale;
    this.scale = Math.min(4, Math.max(0.1, this.scale * by));
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.scroller;
    this.svg.setAttribute("width", this.size.width * this.scale);
    this.svg.setAttribute("height", this.size.height * this.scale);
    const part = this.scale / before;
    this.scroller.scrollLeft = (scrollLeft + clientWidth / 2) * part - clientWidth / 2;
    this.scroller.scrollTop = (scrollTop + clientHeight / 2) * part - clientHeight / 2;
    this.look();
  }

  fit() {
    const { clientWidth, clientHeight } = this.scroller;
    this.zoom(Math.min(clientWidth / this.size.width, clientHeight / this.size.height, 1) / this.scale);
  }

  // The drawing is moved by dragging it; a drag that ends on a node opens nothing.
  move() {
    let from = null;
    this.scroller.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType !== "mouse") return;
      from = { x: event.clientX, y: event.clientY, left: this.scroller.scrollLeft, top: this.scroller.scrollTop };
    });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      const x = event.clientX - from.x, y = event.clientY - from.y;
      if (!this.dataset.moving && Math.hypot(x, y) < DRAG) return;
      this.dataset.moving = "yes";
      this.scroller.scrollLeft = from.left - x;
      this.scroller.scrollTop = from.top - y;
    });
    addEventListener("pointerup", () => {
      from = null;
      setTimeout(() => delete this.dataset.moving);
    });
    this.svg.addEventListener("dragstart", (event) => event.preventDefault());
    // What is dragged is not selected too: to find out what lies between takes many times as long as to move it.
    this.scroller.addEventListener("selectstart", (event) => { if (from) event.preventDefault(); });
    this.svg.addEventListener("click", (event) => {
      if (this.dataset.moving) event.preventDefault();
    }, true);
    this.scroller.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    }, { passive: false });
  }

  async png() {
    const answer = await fetch(this.dataset.svg);
    if (!answer.ok) throw new Error(answer.statusText);
    const address = URL.createObjectURL(new Blob([await answer.text()], { type: "image/svg+xml" }));
    try {
      const image = new Image();
      image.src = address;
      await image.decode();
      // Three times the size, sharp in print, as far as canvases may be that large and memory holds them.
      const area = image.width * image.height;
      const scale = Math.min(3, 16000 / image.width, 16000 / image.height, Math.sqrt(64e6 / area));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(image.width * scale);
      canvas.height = Math.round(image.height * scale);
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      const picture = await new Promise((done) => canvas.toBlob(done, "image/png"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(picture);
      link.download = `${this.dataset.stem}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } finally {
      URL.revokeObjectURL(address);
    }
  }
}

function center(link) {
  const box = link.querySelector(".body").getBBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

// Show another view in place: the page of its address takes the place of this one, and the focus stays where it was.
let loading = null, shown = withoutHash(location.href);
async function go(address, place, { push = true } = {}) {
  const page = document.querySelector("lineage-page");
  loading?.abort();
  loading = new AbortController();
  page.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { signal: loading.signal, headers: { Accept: "text/html" } });
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    const other = made.querySelector("lineage-page");
    if (!answer.ok || !other) {
      location.assign(address);
      return;
    }
    for (const part of other.querySelectorAll("noscript")) part.remove(); // whose text a parser without scripts made elements of
    const before = page.querySelector("lineage-drawing"), scale = before?.scale ?? 1;
    const held = page.contains(document.activeElement) ? document.activeElement : null;
    page.replaceWith(document.adoptNode(other));
    if (push) {
      leaveFrom(place ?? held?.dataset.place);
      history.pushState({ place }, "", address);
    }
    shown = withoutHash(location.href);
    document.title = made.title;
    const drawn = wire();
    document.dispatchEvent(new Event("shown"));
    await drawn; // before it is, nothing in it takes the focus
    const drawing = document.querySelector("lineage-drawing");
    if (drawing && scale !== 1) drawing.zoom(scale);
    if (drawing) drawing.steps = before?.walked?.steps ?? before?.steps;
    resume(held, place, push && location.hash ? document.querySelector(location.hash) : null);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  } finally {
    document.querySelector("lineage-page")?.removeAttribute("aria-busy");
  }
}

// Let the focus be where it was: at a node, in a part that was asked for, at the same control, and where there is no such
// any more, at the drawing. Where nothing had it, nothing takes it.
function resume(held, place, part) {
  const drawing = document.querySelector("lineage-drawing, lineage-overview");
  if (part) {
    part.focus();
  } else if (!(place !== undefined && drawing?.enter?.(place)) && held) {
    const same = held.id ? document.getElementById(held.id) : null;
    same?.closest("details")?.setAttribute("open", ""); // it was open while one chose in it
    (same ?? document.getElementById("drawing") ?? document.querySelector("main")).focus({ preventScroll: true });
  }
}

function withoutHash(address) {
  return address.split("#")[0];
}

// What is below the drawing is laid out once the drawing was shown: it takes a third as long as that.
function later(part) {
  part.classList.add("later");
  requestAnimationFrame(() => requestAnimationFrame(() => part.classList.remove("later")));
}

// Let a page that is shown be worked with; returns what to wait for until it is drawn.
function wire() {
  const page = document.querySelector("lineage-page");
  const drawing = page.querySelector("lineage-drawing");
  const table = page.querySelector(".as-table");
  if (table) later(table); // a page that was broken off has none
  const overview = page.querySelector("lineage-overview") && import("./lineage-overview.js");
  page.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[data-go], a.marker, .folded > a[data-place]");
    if (!link) return;
    event.preventDefault();
    go(link.getAttribute("href"), link.dataset.of);
  });
  page.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-go]")) return;
    event.preventDefault();
    const given = [...new FormData(event.target)].filter(([, value]) => value !== "");
    go(`${location.pathname}?${new URLSearchParams(given)}${event.target.closest("#inside") ? "#inside" : ""}`);
  });
  page.addEventListener("change", (event) => {
    if (event.target.matches("form[data-go] select")) event.target.form.requestSubmit();
  });
  if (!drawing) return overview;
  const png = page.querySelector("[data-png]"), zoom = page.querySelector("[data-zoom]");
  png.hidden = zoom.hidden = false;
  png.addEventListener("click", () => drawing.png().catch(() => { png.textContent = drawing.dataset.failed; }));
  for (const button of zoom.querySelectorAll("[data-by]")) {
    button.addEventListener("click", () => drawing.zoom(Number(button.dataset.by)));
  }
  zoom.querySelector("[data-fit]").addEventListener("click", () => drawing.fit());
}

customElements.define("lineage-drawing", LineageDrawing);
wire();
addEventListener("popstate", ({ state }) => {
  loading?.abort();
  if (withoutHash(location.href) !== shown) go(location.href, state?.place, { push: false });
});
const left = leftFrom();
if (left !== undefined) document.querySelector("lineage-drawing, lineage-overview")?.enter?.(left);
