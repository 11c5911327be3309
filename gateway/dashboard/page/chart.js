// Lines over the last five minutes.

const SPAN = 5 * 60 * 1000;

export class Chart {
  // format writes a value; log: the scale is logarithmic.
  constructor(canvas, format, log = false) {
    Object.assign(this, { canvas, format, log, points: [], lines: [] });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  // add takes values by name at a moment; lines are [name, colour].
  add(ms, values, lines) {
    this.points.push({ ms, values });
    this.points = this.points.filter((p) => p.ms > ms - SPAN);
    this.lines = lines;
    this.draw();
  }

  draw() {
    const scale = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (!width) return;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const g = this.canvas.getContext("2d");
    g.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    g.font = "11px system-ui, sans-serif";
    const left = 52;
    const bottom = height - 16;
    const top = 8;
    const values = this.points.flatMap((p) => Object.values(p.values)).filter((v) => v !== undefined && (!this.log || v > 0));
    const high = values.length ? Math.max(...values) : 0;
    const ticks = this.log ? decades(values) : even(high);
    const low = this.log ? ticks[0] : 0;
    const most = ticks[ticks.length - 1];
    const y = (v) => {
      const share = this.log ? Math.log(v / low) / Math.log(most / low) : v / most;
      return bottom - Math.max(0, Math.min(1, share)) * (bottom - top);
    };
    const end = this.points.length ? this.points[this.points.length - 1].ms : 0;
    const x = (ms) => left + ((ms - (end - SPAN)) / SPAN) * (width - left - 4);
    g.fillStyle = style.getPropertyValue("--soft");
    g.strokeStyle = style.getPropertyValue("--faint");
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const t of ticks) {
      g.beginPath();
      g.moveTo(left, Math.round(y(t)) + 0.5);
      g.lineTo(width - 4, Math.round(y(t)) + 0.5);
      g.stroke();
      g.fillText(this.format(t).replace(/\.0+(?=\D|$)/, ""), left - 7, y(t));
    }
    g.textBaseline = "alphabetic";
    for (const m of width < 420 ? [5, 2.5, 0] : [5, 4, 3, 2, 1, 0]) {
      g.textAlign = m === 5 ? "left" : m === 0 ? "right" : "center";
      g.fillText(m ? `−${m} min` : "now", x(end - m * 60000), height - 3);
    }
    g.lineWidth = 1.6;
    g.lineJoin = "round";
    for (const [name, colour] of this.lines) {
      g.strokeStyle = g.fillStyle = colour;
      g.beginPath();
      let open = false;
      for (const p of this.points) {
        const v = p.values[name];
        if (v === undefined || (this.log && v <= 0)) {
          open = false;
        } else {
          if (open) g.lineTo(x(p.ms), y(v));
          else g.moveTo(x(p.ms), y(v));
          open = true;
        }
      }
      g.stroke();
      const last = this.points[this.points.length - 1];
      if (last && last.values[name] !== undefined) {
        g.beginPath();
        g.arc(x(last.ms), y(last.values[name]), 2.2, 0, 7);
        g.fill();
      }
    }
  }
}

// even are up to four ticks from 0 on.
function even(high) {
  const raw = (high || 1) / 3;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw);
  return Array.from({ length: Math.max(1, Math.ceil((high || 1) / step)) + 1 }, (_, i) => i * step);
}

// decades are powers of ten around all values.
function decades(values) {
  const low = values.length ? Math.floor(Math.log10(Math.min(...values))) : 1;
  const high = values.length ? Math.ceil(Math.log10(Math.max(...values) * 1.001)) : 4;
  return Array.from({ length: Math.max(2, high - low + 1) }, (_, i) => 10 ** (low + i));
}
