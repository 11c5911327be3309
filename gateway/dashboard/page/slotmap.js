// The picture of the 16,384 slots.
import { byId } from "./dom.js";

const SLOTS = 16384;

export class SlotMap {
  constructor(canvas, onPoint) {
    this.canvas = canvas;
    this.owner = new Array(SLOTS).fill(undefined); // by slot: {shard, colour}
    this.moving = new Set();
    this.onPoint = onPoint;
    canvas.addEventListener("pointermove", (e) => this.point(e));
    canvas.addEventListener("pointerdown", (e) => this.point(e));
    canvas.addEventListener("pointerleave", () => onPoint(undefined));
    new ResizeObserver(() => this.draw()).observe(canvas);
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

  grid() {
    const width = this.canvas.clientWidth || 1;
    const columns = width < 640 ? 128 : 256;
    return { columns, rows: SLOTS / columns, cell: width / columns };
  }

  point(e) {
    const { columns, rows, cell } = this.grid();
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor((e.clientX - box.left) / cell);
    const y = Math.floor((e.clientY - box.top) / (box.height / rows));
    if (x < 0 || y < 0 || x >= columns || y >= rows) return;
    const slot = y * columns + x;
    this.onPoint({ slot, owner: this.owner[slot], migration: this.moving.get(slot) });
  }

  draw() {
    const { columns, rows, cell } = this.grid();
    const high = Math.min(cell, 4.2);
    const scale = window.devicePixelRatio || 1;
    this.canvas.style.height = `${Math.round(rows * high)}px`;
    this.canvas.width = Math.round(columns * cell * scale);
    this.canvas.height = Math.round(rows * high * scale);
    const g = this.canvas.getContext("2d");
    const empty = getComputedStyle(document.documentElement).getPropertyValue("--empty");
    const text = getComputedStyle(document.documentElement).getPropertyValue("--text");
    const w = this.canvas.width / columns;
    const h = this.canvas.height / rows;
    const gap = w >= 3 ? Math.max(1, Math.round(scale * 0.6)) : 0;
    for (let s = 0; s < SLOTS; s++) {
      const left = Math.round((s % columns) * w);
      const top = Math.round(Math.floor(s / columns) * h);
      const right = Math.round(((s % columns) + 1) * w) - gap;
      const bottom = Math.round((Math.floor(s / columns) + 1) * h) - gap;
      const o = this.owner[s];
      g.fillStyle = (o && o.colour) || empty;
      g.globalAlpha = o && o.odd ? 0.86 : 1;
      g.fillRect(left, top, right - left, bottom - top);
      if (this.moving.has(s)) {
        g.globalAlpha = 1;
        g.fillStyle = text;
        g.fillRect(left, top, Math.max(1, (right - left) / 2), Math.max(1, (bottom - top) / 2));
      }
    }
    g.globalAlpha = 1;
  }
}

export const hint = (text) => {
  byId("slot-hint").textContent = text;
};
