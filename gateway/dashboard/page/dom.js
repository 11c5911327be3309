// Elements of the page. Whatever comes from the cluster gets in as text, never as markup: keys and names are hostile input.

export const byId = (id) => document.getElementById(id);

// el makes an element. Attributes: class, title, on (listeners), and such; children are elements or text.
export function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) e.addEventListener(event, listener);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) e.setAttribute(name, value);
  }
  e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== "").map((c) => (c instanceof Node ? c : document.createTextNode(String(c)))));
  return e;
}

// fill puts a list of elements in the place of what there is.
export const fill = (parent, ...children) => parent.replaceChildren(...children.flat());

// dot is the colour of a node.
export function dot(colour) {
  const d = el("span", { class: "dot" });
  if (colour) d.style.background = colour;
  return d;
}

// bar shows a part of a whole.
export function bar(part, whole, colour) {
  const inner = el("i");
  inner.style.width = `${Math.max(0, Math.min(100, whole > 0 ? (100 * part) / whole : 0))}%`;
  if (colour) inner.style.background = colour;
  return el("span", { class: "bar" }, inner);
}

// table fills a table. Columns are {name, number, title}; rows are lists of cells: text, an element, or {cell, class, title}.
export function table(target, columns, rows, nothing) {
  if (target.contains(document.activeElement) && document.activeElement.tagName === "SELECT") return; // somebody is choosing
  const cell = (content, i) => {
    const given = content !== null && typeof content === "object" && !(content instanceof Node) ? content : { cell: content };
    return el("td", { class: [columns[i].number && "number", given.class].filter(Boolean).join(" ") || null, title: given.title }, given.cell);
  };
  if (!rows.length) return fill(target, el("tbody", {}, el("tr", {}, el("td", { class: "empty" }, nothing))));
  const head = el("thead", {}, el("tr", {}, columns.map((c) => el("th", { class: c.number ? "number" : null, title: c.title, scope: "col" }, c.name))));
  const body = el("tbody", {}, rows.map((r) => el("tr", {}, r.map(cell))));
  fill(target, head, body);
}
