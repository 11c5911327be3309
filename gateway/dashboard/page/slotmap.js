// The picture of the 16,384 slots.
import { byId } from "./dom.js";

const SLOTS = 16384;

export class SlotMap {
  constructor(canvas, onPoint) {
    this.canvas = canvas;
    this.owner = new Array(SLOTS).fill(undefined); // by slot: {shard, colour}
    this.moving = new Map(); // by slot: the migration that it is in
    this.onPoint = onPoint;
    canvas.addEventListener("pointermove", (e) => this.point(e));
    canvas.addEventListener("pointerdown", (e) => this.point(e));
    canvas.addEventListener("pointerleave", () => onPoint(undefined));
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  show(shards, migrations, colourOf) {
    this.owner.fill(undefined);
    shards.forEach((shard, i) => {
      const colour = colourOf(shard.leader);
      for (const [a, b] of shard.ranges) for (let s = a; s <= b; s++) this.owner[s] = { shard, colour, odd: i % 2 };
    });
    this.moving = new Map();
    for (const m of migrations) if (!m.ended) for (const [a, b] of m.ranges) for (let s = a; s <= b; s++) this.moving.set(s, m);
    this.draw();
  }

  // grid fills the width with cells of whole pixels.
  grid() {
    const width = this.canvas.parentElement.clientWidth || 1;
    const cell = width < 640 ? 3 : 4;
    const columns = Math.max(1, Math.floor(width / cell));
    return { columns, rows: Math.ceil(SLOTS / columns), cell };
  }

  point(e) {
    const { columns, cell } = this.grid();
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor((e.clientX - box.left) / cell);
    const y = Math.floor((e.clientY - box.top) / cell);
    const slot = y * columns + x;
    if (x < 0 || y < 0 || x >= columns || slot >= SLOTS) return this.onPoint(undefined);
    this.onPoint({ slot, owner: this.owner[slot], migration: this.moving.get(slot) });
  }

  draw() {
    const { columns, rows, cell } = this.grid();
    const scale = window.devicePixelRatio || 1;
    this.canvas.dataset.columns = columns;
    this.canvas.style.width = `${columns * cell}px`;
    this.canvas.style.height = `${rows * cell}px`;
    this.canvas.width = Math.round(columns * cell * scale);
    this.canvas.height = Math.round(rows * cell * scale);
    const g = this.canvas.getContext("2d");
    g.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const [empty, text] = [style.getPropertyValue("--empty"), style.getPropertyValue("--text")];
    const size = cell > 3 ? cell - 1 : cell;
    for (let s = 0; s < SLOTS; s++) {
      const x = (s % columns) * cell;
      const y = Math.floor(s / columns) * cell;
      const o = this.owner[s];
      g.fillStyle = (o && o.colour) || empty;
      g.globalAlpha = o && o.odd ? 0.86 : 1;
      g.fillRect(x, y, size, size);
      if (this.moving.has(s)) {
        g.globalAlpha = 1;
        g.fillStyle = text;
        g.fillRect(x, y, 2, 2);
      }
    }
    g.globalAlpha = 1;
  }
}

export const hint = (text) => {
  byId("slot-hint").textContent = text;
};
