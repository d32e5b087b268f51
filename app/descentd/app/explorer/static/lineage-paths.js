// The lines and nodes of an overview as paths of a canvas, those of one style together.

const DASHES = { generated: [5, 4], "same-data": [5, 4], folded: [5, 3], retracted: [2, 3] }; // as lineage.css has them

// What is drawn in one go: a path for each kind and its dashes.
export class Paths {
  constructor() {
    this.found = new Map();
  }

  of(kind, dashes) {
    const name = `${kind} ${dashes}`;
    if (!this.found.has(name)) this.found.set(name, [kind, dashes, new Path2D()]);
    return this.found.get(name)[2];
  }

  inOrder(kinds) {
    return [...this.found.values()].sort(([one], [other]) => kinds.indexOf(one) - kinds.indexOf(other));
  }
}

export function dashesOf(style) {
  return style.split(" ").map((word) => DASHES[word]).find(Boolean) ?? [];
}

export function trace(path, points, right) {
  let [x, y] = points;
  path.moveTo(x, y);
  for (let i = 2; i < points.length; i += 2) {
    const toX = points[i], toY = points[i + 1];
    if ((i / 2 - 1) % 2) path.lineTo(toX, toY);
    else if (right) path.bezierCurveTo((x + toX) / 2, y, (x + toX) / 2, toY, toX, toY);
    else path.bezierCurveTo(x, (y + toY) / 2, toX, (y + toY) / 2, toX, toY);
    x = toX;
    y = toY;
  }
}
