// The page: asks, measures, shows.
import { APIError, call, logIn, logOut } from "./api.js";
import { Chart } from "./chart.js";
import { bar, byId, dot, el, fill, table } from "./dom.js";
import * as format from "./format.js";
import { between } from "./measure.js";
import { SlotMap, hint } from "./slotmap.js";

// ?every=5 asks every 5 seconds; the node asks the others once a second at most.
const EVERY = 1000 * Math.min(60, Math.max(0.2, Number(new URLSearchParams(location.search).get("every")) || 2)); // milliseconds
const WINDOW = 10000;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let history = []; // answers of the last WINDOW
let now; // the last answer

// Nodes keep their colours while the page is open.
const colours = new Map();
function colourOf(node) {
  if (!node) return undefined;
  if (!colours.has(node)) colours.set(node, colours.size);
  const i = colours.get(node);
  return i < 8 ? css(`--n${i}`) : `hsl(${(i * 137) % 360} 55% 52%)`;
}

// A node is called by its port where all are on one machine, otherwise by its host.
function nameOf(id) {
  const node = now.nodes.find((n) => n.id === id);
  if (!node || !node.resp) return format.shortId(id);
  const host = (n) => n.resp.slice(0, n.resp.lastIndexOf(":"));
  const same = now.nodes.every((n) => host(n) === host(node));
  return same && now.nodes.length > 1 ? node.resp.slice(node.resp.lastIndexOf(":")) : node.resp;
}

const nodeCell = (id) => (id ? el("span", { class: "cell", title: id }, dot(colourOf(id)), nameOf(id)) : el("span", { class: "bad" }, "none"));

const slots = new SlotMap(byId("slots"), (at) => {
  if (!at) return hint("Each cell is one slot, coloured by the node that leads it. Point at one.");
  const o = at.owner;
  const moving = at.migration ? ` · on its way to shard ${at.migration.to}` : "";
  hint(o ? `slot ${at.slot} · shard ${o.shard.id} · ${o.shard.leader ? `led by ${nameOf(o.shard.leader)}` : "no leader is known"}${moving}` : `slot ${at.slot} belongs to no shard`);
});
const rateChart = new Chart(byId("rate-chart"), format.count);
const latencyChart = new Chart(byId("latency-chart"), format.latency, true);

let lost = false; // the notice says that the node does not answer

function notice(text, told = false) {
  const n = byId("notice");
  n.hidden = !text;
  n.textContent = text || "";
  n.classList.toggle("told", told);
}

function showHealth() {
  const unserved = 16384 - now.slots_served;
  const sick = now.nodes.filter((n) => n.state !== "alive");
  const unready = now.nodes.filter((n) => n.state === "alive" && (n.error || n.not_ready));
  const moving = now.migrations.filter((m) => !m.ended).length;
  let [text, kind] = ["healthy", "good"];
  if (unserved) [text, kind] = [`${format.count(unserved)} slots are not served`, "bad"];
  else if (sick.length) [text, kind] = [`${sick.length} of ${now.nodes.length} nodes ${sick.length > 1 ? "are" : "is"} ${sick.some((n) => n.state === "dead") ? "dead" : "suspect"}`, "warn"];
  else if (unready.length) [text, kind] = [`${unready.length} of ${now.nodes.length} nodes not ready`, "warn"];
  else if (moving) text = `healthy, ${moving} migration${moving > 1 ? "s" : ""} under way`;
  const h = byId("health");
  h.textContent = text;
  h.className = `health ${kind}`;
  byId("facts").textContent = `cluster ${format.shortId(now.cluster_id)} · ${now.nodes.length} nodes · ${now.shards.length} shards · epoch ${now.epoch}`;
  byId("user").textContent = now.you.said ? now.you.user : "read-only";
  byId("login").textContent = now.you.said ? "Log out" : "Log in";
  document.title = kind === "good" ? "Holt" : `Holt: ${text}`;
}

const total = (of) => now.nodes.reduce((sum, n) => sum + (of(n) || 0), 0);

function showTiles(m) {
  const tile = (name, value, unit, more) => el("div", { class: "tile" }, el("span", { class: "name" }, name), el("b", {}, value, unit && el("span", {}, unit)), el("span", { class: "more", title: more }, more || "\u00a0"));
  const time = (q) => {
    const us = m && m.histogram.quantile(q);
    return us === undefined ? ["–", ""] : format.latency(us).split(" ");
  };
  const used = total((n) => n.memory.used_bytes);
  const limit = now.nodes.every((n) => n.memory.limit_bytes) ? total((n) => n.memory.limit_bytes) : 0;
  const [hits, misses] = [total((n) => n.hits), total((n) => n.misses)];
  const [usedN, usedUnit] = format.bytes(used).split(" ");
  fill(
    byId("tiles"),
    tile("Commands", m ? format.count(m.rate) : "–", "/s", m && `${format.count(m.failedRate)} failed /s`),
    tile("p50", ...time(0.5), "of the last 10 s"),
    tile("p99", ...time(0.99), "of the last 10 s"),
    tile("p99.9", ...time(0.999), "of the last 10 s"),
    tile("Keys", format.count(now.shards.reduce((sum, s) => sum + s.keys, 0)), "", `${format.count(total((n) => n.expired))} expired, ${format.count(total((n) => n.evicted))} evicted`),
    tile("Memory, all replicas", usedN, usedUnit, limit ? `of ${format.bytes(limit)}` : "no limit"),
    tile("Hit ratio", hits + misses ? ((100 * hits) / (hits + misses)).toFixed(1) : "–", hits + misses ? "%" : "", `${format.count(misses)} misses`),
    tile("Clients", format.count(total((n) => n.connections)), "", "RESP connections"),
  );
}

function showNodes(m) {
  const columns = [
    { name: "Node" }, { name: "RESP" }, { name: "State" }, { name: "Leads", number: true, title: "shards that it leads" }, { name: "Replicas", number: true },
    { name: "Commands/s", number: true }, { name: "p50", number: true }, { name: "p99", number: true }, { name: "Memory" }, { name: "Resident", number: true },
    { name: "Clients", number: true }, { name: "Up", number: true }, { name: "Version" },
  ];
  if (now.nodes.some((n) => n.zone)) columns.splice(2, 0, { name: "Zone" });
  table(byId("nodes"), columns, now.nodes.map((n) => {
    const own = m && m.nodes.get(n.id);
    const state = n.state !== "alive" ? [n.state, n.state === "dead" ? "bad" : "warn"] : n.error ? ["no answer", "bad"] : n.not_ready ? ["not ready", "warn"] : ["alive", "good"];
    const known = !n.error;
    const row = [
      el("span", { class: "cell mono", title: n.id }, dot(colourOf(n.id)), format.shortId(n.id), n.id === now.self ? el("small", {}, "this") : ""),
      n.resp,
      { cell: state[0], class: state[1], title: n.error || n.not_ready },
      now.shards.filter((s) => s.leader === n.id).length,
      now.shards.filter((s) => s.replicas.some((r) => r.node === n.id)).length,
      own ? format.count(own.rate) : "–", format.latency(own && own.histogram.quantile(0.5)), format.latency(own && own.histogram.quantile(0.99)),
      known ? el("span", {}, n.memory.limit_bytes ? bar(n.memory.used_bytes, n.memory.limit_bytes, colourOf(n.id)) : "", format.bytes(n.memory.used_bytes), n.memory.limit_bytes ? el("small", {}, ` of ${format.bytes(n.memory.limit_bytes)}`) : "") : "–",
      known ? format.bytes(n.memory.resident_bytes) : "–", known ? n.connections : "–", known ? format.duration(n.up_ms) : "–", n.version || "–",
    ];
    if (columns[2].name === "Zone") row.splice(2, 0, n.zone || "");
    return row;
  }), "no node is known");
}

async function act(path, body, done) {
  try {
    await call("POST", path, body);
    notice(done, true);
  } catch (e) {
    notice(e.message);
  }
  refresh();
}

function transferCell(shard) {
  const choice = el("select", { "aria-label": `new leader of shard ${shard.id}` }, shard.replicas.filter((r) => r.node !== shard.leader).map((r) => el("option", { value: r.node }, nameOf(r.node))));
  const button = el("button", { type: "button", on: { click: () => act("/api/v1/transfer", { shard: shard.id, to: choice.value }, `shard ${shard.id} is led by ${nameOf(choice.value)}`) } }, "Lead");
  return el("span", { class: "cell" }, choice, button);
}

function showShards() {
  const columns = [{ name: "Shard", number: true }, { name: "Leader" }, { name: "Slots", number: true }, { name: "Ranges" }, { name: "Keys", number: true }, { name: "Memory", number: true }, { name: "Term", number: true }, { name: "Replicas", title: "with how many entries of the leader's log they have not applied" }];
  if (now.you.transfer) columns.push({ name: "Move leadership to" });
  table(byId("shards"), columns, now.shards.map((s) => {
    const replicas = s.replicas.map((r) => el("span", { class: "cell", title: r.node }, dot(colourOf(r.node)), nameOf(r.node), r.behind === undefined ? el("small", { class: "warn" }, "?") : r.behind ? el("small", {}, `−${format.count(r.behind)}`) : ""));
    const row = [
      s.id, s.leader ? el("span", { class: "cell" }, nodeCell(s.leader), s.serving ? "" : el("small", { class: "warn" }, "not serving yet"), s.leader !== s.preferred && s.preferred ? el("small", { title: `prefers ${nameOf(s.preferred)}` }, "away") : "") : { cell: "no leader", class: "bad" },
      format.count(s.ranges.reduce((sum, [a, b]) => sum + b - a + 1, 0)), { cell: format.ranges(s.ranges), title: format.ranges(s.ranges, 1000) },
      format.count(s.keys), format.bytes(s.bytes), s.term, el("span", { class: "legend" }, replicas),
    ];
    if (now.you.transfer) row.push(transferCell(s));
    return row;
  }), "there are no shards yet");
}

function showMigrations() {
  const columns = [{ name: "Id", number: true }, { name: "From" }, { name: "To" }, { name: "Slots" }, { name: "State" }, { name: "Keys" }, { name: "For", number: true }];
  if (now.you.cancel) columns.push({ name: "" });
  const list = [...now.migrations].reverse();
  const shown = list.filter((m) => !m.ended).concat(list.filter((m) => m.ended).slice(0, 5));
  table(byId("migrations"), columns, shown.map((m) => {
    const state = m.ended ? (m.phase === "aborted" ? `aborted${m.reason ? `: ${m.reason}` : ""}` : "done") : m.stage || m.phase;
    const row = [
      m.id, `shard ${m.from}`, `shard ${m.to}`, { cell: `${format.count(m.slots)}: ${format.ranges(m.ranges, 2)}`, title: format.ranges(m.ranges, 1000) },
      { cell: m.error ? `${state}: ${m.error}` : state, class: m.error ? "warn long" : m.ended ? "soft" : "good" },
      m.ended ? "" : el("span", {}, bar(m.slots_copied, m.slots), `${format.count(m.keys_copied)} of ${format.count(m.keys_total)}`),
      format.duration((m.ended ? m.ended_ms : now.time_ms) - m.started_ms),
    ];
    if (now.you.cancel) row.push(m.ended || m.phase !== "running" ? "" : el("button", { type: "button", on: { click: () => act("/api/v1/cancel", { migration: m.id }, `migration ${m.id} is cancelled`) } }, "Cancel"));
    return row;
  }), now.rebalance ? `a rebalance has ${format.count(now.rebalance.slots_left)} slots left${now.rebalance.waiting ? `: ${now.rebalance.waiting}` : ""}` : "none");
  byId("rebalance").hidden = !now.you.rebalance;
  byId("cancel-all").hidden = !now.you.cancel || !now.migrations.some((m) => !m.ended);
}

function showCommands(m) {
  const rows = m ? [...m.commands.values()].filter((c) => c.histogram.total > 0 || c.rejected > 0) : [];
  rows.sort((a, b) => b.histogram.total - a.histogram.total || (a.name < b.name ? -1 : 1));
  table(byId("commands"), [{ name: "Command" }, { name: "per s", number: true }, { name: "p50", number: true }, { name: "p99", number: true }, { name: "p99.9", number: true }, { name: "Failed/s", number: true }, { name: "Redirected/s", number: true, title: "not run: sent to another node, or not allowed" }],
    rows.map((c) => [
      { cell: c.name.replace("|", " ").toUpperCase(), class: "mono" }, format.count(c.histogram.total / m.seconds), ...[0.5, 0.99, 0.999].map((q) => format.latency(c.histogram.quantile(q))),
      { cell: format.count(c.failed / m.seconds), class: c.failed ? "bad" : "soft" }, { cell: format.count(c.rejected / m.seconds), class: c.rejected ? "" : "soft" },
    ]), "no commands in the last 10 s");
}

function showHotKeys(answer) {
  table(byId("hotkeys"), [{ name: "Key" }, { name: "Node" }, { name: "about, per s", number: true }], answer.keys.map((k) => [
    { cell: el("button", { type: "button", class: "link mono", on: { click: () => lookUp({ key64: k.key64 }, k.key) } }, k.key), class: "long" },
    nodeCell(k.node), { cell: format.count(k.rate), title: k.error >= 1 ? `at least ${format.count(k.rate - k.error)}` : undefined },
  ]), "no key stands out");
}

function showSlowLog(answer) {
  table(byId("slowlog"), [{ name: "Ended" }, { name: "Took", number: true }, { name: "Node" }, { name: "Command" }, { name: "Client" }], answer.commands.map((c) => [
    { cell: format.clock(c.time_ms), title: new Date(c.time_ms).toISOString() }, format.latency(c.took_us), nodeCell(c.node),
    { cell: el("div", { class: "clamp" }, c.args.join(" ")), class: "mono long", title: c.args.join(" ") }, { cell: c.name ? `${c.name} (${c.client})` : c.client, class: "soft" },
  ]), "empty");
}

function showCharts(m) {
  if (!m) return;
  const nodes = now.nodes.map((n) => [n.id, colourOf(n.id)]);
  rateChart.add(now.time_ms, Object.fromEntries(nodes.map(([id]) => [id, m.nodes.get(id) && m.nodes.get(id).rate])), nodes);
  const lines = [["p50", css("--n2"), 0.5], ["p99", css("--n1"), 0.99], ["p99.9", css("--bad"), 0.999]];
  latencyChart.add(now.time_ms, Object.fromEntries(lines.map(([name, , q]) => [name, m.histogram.quantile(q)])), lines);
  fill(byId("latency-legend"), lines.map(([name, colour]) => el("span", {}, dot(colour), name)));
  fill(byId("rate-legend"), nodes.map(([id]) => nodeCell(id)));
}

function showSlots() {
  slots.show(now.shards, now.migrations, colourOf);
  const legend = now.nodes.map((n) => {
    const led = now.shards.filter((s) => s.leader === n.id).reduce((sum, s) => sum + s.ranges.reduce((x, [a, b]) => x + b - a + 1, 0), 0);
    return el("span", { title: n.id }, dot(colourOf(n.id)), `${nameOf(n.id)} leads ${led.toLocaleString("en")}`);
  });
  const unserved = 16384 - now.slots_served;
  if (unserved) legend.push(el("span", { class: "bad" }, dot(), `${unserved.toLocaleString("en")} nobody`));
  fill(byId("slot-legend"), legend);
}

async function refresh() {
  try {
    const answer = await call("GET", "/api/v1/cluster");
    now = answer;
    const last = history[history.length - 1];
    const step = last && now.time_ms > last.time_ms ? between(last, now) : undefined;
    if (!last || now.time_ms > last.time_ms) history.push(now);
    while (history.length > 2 && history[1].time_ms <= now.time_ms - WINDOW) history.shift();
    const recent = history.length > 1 ? between(history[0], now) : undefined;
    now.nodes.forEach((n) => colourOf(n.id));
    showHealth();
    showTiles(recent);
    showSlots();
    showCharts(step);
    showNodes(recent);
    showShards();
    showMigrations();
    showCommands(recent);
    byId("updated").textContent = `as of ${format.clock(now.time_ms)}, asked of ${nameOf(now.self)}`;
    document.body.dataset.updates = String(Number(document.body.dataset.updates || 0) + 1);
    if (lost) notice("");
    lost = false;
    for (const [path, show] of [["/api/v1/hotkeys", showHotKeys], ["/api/v1/slowlog", showSlowLog]]) {
      await call("GET", path).then(show, (e) => { if (e.status !== 403) throw e; });
    }
  } catch (e) {
    if (e instanceof APIError && e.status === 401) askWho(e.message);
    else {
      lost = true;
      notice(`This node does not answer: ${e.message}. What is shown is old.`);
    }
    byId("health").className = "health bad";
    byId("health").textContent = e.status === 401 ? "log in to look" : "no answer";
  }
}

async function lookUp(query, shown) {
  byId("lookup-key").value = shown;
  const result = byId("lookup-result");
  try {
    const k = await call("GET", `/api/v1/key?${new URLSearchParams(query)}`);
    const facts = [["Slot", k.slot], ["Shard", k.shard], ["Node", now ? nodeCell(k.node) : k.node], ["Exists", k.exists ? "yes" : "no"]];
    if (k.exists) {
      facts.push(["Type", k.type], ["Version", k.version], ["TTL", k.expire_at_ms ? format.duration(k.expire_at_ms - k.time_ms) : "none"], ["Memory", format.bytes(k.bytes)], ["Last used", k.idle_ms ? `${format.duration(k.idle_ms)} ago` : "just now"]);
      if (k.frequency !== undefined) facts.push(["LFU counter", k.frequency]);
    }
    fill(result, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  } catch (e) {
    fill(result, el("div", {}, el("dd", { class: "bad" }, e.message)));
  }
}

function askWho(message) {
  const d = byId("login-dialog");
  byId("login-error").textContent = message || "";
  if (!d.open) d.showModal();
}

byId("lookup").addEventListener("submit", (e) => {
  e.preventDefault();
  const key = byId("lookup-key").value;
  lookUp({ key }, key);
});
byId("login").addEventListener("click", () => {
  if (now && now.you.said) {
    logOut();
    refresh();
  } else askWho();
});
byId("login-cancel").addEventListener("click", () => byId("login-dialog").close());
byId("login-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  logIn(byId("login-user").value, byId("login-password").value);
  byId("login-password").value = "";
  try {
    await call("GET", "/api/v1/cluster");
    byId("login-dialog").close();
  } catch (error) {
    logOut();
    byId("login-error").textContent = error.message;
    return;
  }
  refresh();
});
byId("rebalance").addEventListener("click", () => act("/api/v1/rebalance", {}, "a rebalance has begun"));
byId("cancel-all").addEventListener("click", () => act("/api/v1/cancel", { migration: 0 }, "all migrations are cancelled"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (now) refresh(); });

async function loop() {
  if (!document.hidden && !byId("login-dialog").open) await refresh();
  setTimeout(loop, EVERY);
}
loop();
