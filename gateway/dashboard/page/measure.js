// What the counters of two moments say of the time between them.

// Histogram sums up steps: pairs of a bound in nanoseconds and a count.
export class Histogram {
  constructor() {
    this.counts = new Map();
    this.total = 0;
  }

  add(steps, sign = 1) {
    for (const [bound, n] of steps) {
      this.counts.set(bound, (this.counts.get(bound) || 0) + sign * n);
      this.total += sign * n;
    }
  }

  // quantile is the time in microseconds that a share of the commands took at most, or undefined where there are none.
  quantile(share) {
    if (this.total <= 0) return undefined;
    let sum = 0;
    for (const [bound, n] of [...this.counts].sort((a, b) => a[0] - b[0])) {
      sum += n;
      if (n > 0 && sum >= share * this.total) return bound / 1000;
    }
    return undefined;
  }
}

const sum = (list, of) => list.reduce((all, x) => all + of(x), 0);
const stepsSum = (steps) => sum(steps, (s) => s[1]);

// between tells what happened between two answers about the cluster. A node that has begun anew counts from 0.
export function between(before, now) {
  const seconds = (now.time_ms - before.time_ms) / 1000;
  const all = new Histogram();
  const nodes = new Map();
  const commands = new Map();
  let failed = 0;
  for (const node of now.nodes) {
    const old = before.nodes.find((n) => n.id === node.id);
    if (!old || old.error || node.error) continue;
    const restarted = node.up_ms < old.up_ms;
    const ofNode = new Histogram();
    for (const c of node.commands) {
      const was = restarted ? undefined : old.commands.find((x) => x.name === c.name);
      const reset = was && stepsSum(was.steps) > stepsSum(c.steps);
      const ofCommand = commands.get(c.name) || { name: c.name, histogram: new Histogram(), failed: 0, rejected: 0, calls: 0 };
      commands.set(c.name, ofCommand);
      const base = reset ? undefined : was;
      ofCommand.calls += stepsSum(c.steps);
      ofCommand.failed += Math.max(0, c.failed - (base ? base.failed : 0));
      ofCommand.rejected += Math.max(0, c.rejected - (base ? base.rejected : 0));
      failed += Math.max(0, c.failed - (base ? base.failed : 0));
      for (const h of [all, ofNode, ofCommand.histogram]) {
        h.add(c.steps);
        if (base) h.add(base.steps, -1);
      }
    }
    nodes.set(node.id, { rate: ofNode.total / seconds, histogram: ofNode });
  }
  return { seconds, rate: all.total / seconds, failedRate: failed / seconds, histogram: all, nodes, commands };
}
