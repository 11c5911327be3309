// Numbers as people read them.

export function count(n) {
  if (n === undefined || n === null || Number.isNaN(n)) return "–";
  const a = Math.abs(n);
  if (a >= 1e9) return `${(n / 1e9).toFixed(2)}G`;
  if (a >= 1e6) return `${(n / 1e6).toFixed(2)}M`;
  if (a >= 1e4) return `${(n / 1e3).toFixed(1)}k`;
  if (a >= 100 || Number.isInteger(n)) return Math.round(n).toLocaleString("en");
  return n.toFixed(a >= 10 ? 1 : 2);
}

export function bytes(n) {
  if (!n) return "0 B";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const i = Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  const scaled = n / 1024 ** i;
  return `${i === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[i]}`;
}

// latency is a time in microseconds.
export function latency(us) {
  if (us === undefined || us === null) return "–";
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
  if (us < 1e6) return `${us < 1e4 ? (us / 1e3).toFixed(2) : (us / 1e3).toFixed(us < 1e5 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}

// duration is a longer time, in milliseconds.
export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (ms < 1000 && ms > 0) return `${Math.round(ms)} ms`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

// ranges writes slots as 0-5460, 7000.
export function ranges(list, most = 4) {
  const shown = list.slice(0, most).map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(", ");
  return list.length > most ? `${shown} +${list.length - most}` : shown || "none";
}

export const shortId = (id) => (id ? id.slice(0, 8) : "–");
