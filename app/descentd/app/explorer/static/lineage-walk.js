// Walking over a drawing by keys, in a picture and on a canvas alike. The keys along the flow follow a line, those
// across it go through all nodes, one column after another as one reads. The opposite key takes a step back.

const WAYS = {
  right: { ArrowLeft: "up", ArrowRight: "down", ArrowUp: "before", ArrowDown: "after" },
  down: { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "before", ArrowRight: "after" },
};
const OPPOSITE = { up: "down", down: "up", before: "after", after: "before" };
const APART = 4; // pixels along the flow by which two nodes are in different columns

export class Walk {
  // middles: by node, where its middle is; links: pairs of nodes that a line joins, the parent first; steps: those that
  // one came by over another view of the same.
  constructor(middles, links, flow, steps = []) {
    this.ways = WAYS[flow];
    this.along = (node) => (flow === "right" ? middles.get(node).x : middles.get(node).y);
    this.across = (node) => (flow === "right" ? middles.get(node).y : middles.get(node).x);
    this.ends = { up: new Map(), down: new Map() };
    for (const [parent, child] of links) {
      put(this.ends.up, child, parent);
      put(this.ends.down, parent, child);
    }
    const nodes = [...middles.keys()].sort((a, b) => this.along(a) - this.along(b));
    const columns = new Map();
    let column = 0;
    nodes.forEach((node, i) => {
      if (i && this.along(node) - this.along(nodes[i - 1]) > APART) column++;
      columns.set(node, column);
    });
    this.order = nodes.sort((a, b) => columns.get(a) - columns.get(b) || this.across(a) - this.across(b));
    this.place = new Map(this.order.map((node, i) => [node, i]));
    this.steps = steps.filter(({ from, to }) => middles.has(from) && middles.has(to));
  }

  // Whether a key walks.
  knows(key) {
    return key in this.ways;
  }

  // The node that a key leads to, undefined where there is none that way.
  step(node, key) {
    const way = this.ways[key], last = this.steps.at(-1);
    if (last?.to !== node) this.steps = []; // one came here by other means
    else if (way === OPPOSITE[last.way]) return this.steps.pop().from;
    const to = way in this.ends ? this.nearest(node, way) : this.order[this.place.get(node) + (way === "after" ? 1 : -1)];
    if (to !== undefined) this.steps.push({ from: node, way, to });
    return to;
  }

  nearest(node, way) {
    const apart = (end) => Math.abs(this.across(end) - this.across(node));
    const far = (end) => Math.abs(this.along(end) - this.along(node));
    const [first, ...others] = this.ends[way].get(node) ?? [];
    return others.reduce((best, end) => (apart(end) - apart(best) || far(end) - far(best)) < 0 ? end : best, first);
  }
}

function put(map, key, value) {
  if (map.has(key)) map.get(key).push(value);
  else map.set(key, [value]);
}

// The node that one leaves a page from is kept with the page in the history, to be there again when one comes back.
export function leaveFrom(place) {
  history.replaceState({ ...history.state, place }, "");
}

// The node that the page was left from, where one came back to it.
export function leftFrom() {
  const [visit] = performance.getEntriesByType("navigation");
  return visit?.type === "back_forward" ? history.state?.place : undefined;
}
