// Linked filtering, the map, the list of cases, tooltips and the theme. Text from the data is only ever set as text.
(() => {
"use strict";

const data = JSON.parse(document.getElementById("report-data").textContent);
const byId = (id) => document.getElementById(id);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const NONE = -1;

// What the reader has chosen. `subtype` is an index, NONE for cases that were set aside, or null for all;
// `only` is a category of the field that the map is coloured by.
const subtypingSelect = document.querySelector("[data-state=subtyping]");
const state = {
  subtyping: subtypingSelect ? subtypingSelect.value : "0",
  colour: byId("colour") ? byId("colour").value : "subtype",
  stage: "after", side: "test", order: "given", column: "0",
  subtype: null, only: null,
};

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// ---- fields -----------------------------------------------------------------------------------------------

const labels = () => (data.subtypings[state.subtyping] || { names: [], of: [] });
const label = (i) => labels().of[i] ?? NONE;
const kindName = (index) => (index === NONE ? "set aside" : labels().names[index] ?? String(index));
const fieldOf = (key) => data.fields[Number(key)];
const markClass = (index) =>
  index === NONE ? "none" : "c" + (index % data.categories) + (index >= data.categories ? " hollow" : "");

function number(value) {
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(+value.toPrecision(4));
  return text.replace("-", "\u2212");
}

function fieldText(field, i) {
  const value = field.of[i];
  if (value === null || value === undefined) return null;
  return field.kind === "category" ? field.names[value] : number(value);
}

// Categories beyond the table of colours are joined: names come with the most frequent first.
const joined = (field) => field.names.length > data.shown;
function category(field, i) {
  const value = field.of[i];
  if (value === null || value === undefined) return NONE;
  return joined(field) ? Math.min(value, data.shown - 1) : value;
}

// What the map is coloured by: a class per case, and the entries of the legend.
function colouring() {
  if (state.colour === "subtype" || !fieldOf(state.colour)) {
    const entries = labels().names.map((name, index) => ({ index, name, mark: markClass(index) }));
    return { of: (i) => label(i), mark: (i) => markClass(label(i)), entries, none: "set aside", subtype: true };
  }
  const field = fieldOf(state.colour);
  if (field.kind === "number") return ramp(field);
  const names = joined(field)
    ? [...field.names.slice(0, data.shown - 1), field.names.length - data.shown + 1 + " others"]
    : field.names;
  const entries = names.map((name, index) => ({ index, name, mark: markClass(index) }));
  return { of: (i) => category(field, i), mark: (i) => markClass(category(field, i)), entries, none: "missing" };
}

// Numbers are coloured by rank, so that an outlier does not take all the colours.
function ramp(field) {
  const sorted = field.of.filter((v) => v !== null).sort((a, b) => a - b);
  const edges = Array.from({ length: data.ramp - 1 }, (_, s) => sorted[Math.floor(((s + 1) * sorted.length) / data.ramp)]);
  const step = (i) => (field.of[i] === null ? NONE : edges.filter((edge) => field.of[i] >= edge).length);
  const used = new Set(field.of.map((_, i) => step(i)));
  const entries = [];
  for (let s = 0; s < data.ramp; s++) {
    if (!used.has(s)) continue;
    const from = s === 0 ? sorted[0] : edges[s - 1];
    const to = s === data.ramp - 1 ? sorted[sorted.length - 1] : edges[s];
    entries.push({ index: s, name: from === to ? number(from) : number(from) + " to " + number(to), mark: "q" + s });
  }
  return { of: step, mark: (i) => (step(i) === NONE ? "none" : "q" + step(i)), entries, none: "missing" };
}

function visible(i, colours) {
  return (state.subtype === null || label(i) === state.subtype) && (state.only === null || colours.of(i) === state.only);
}

// ---- everything that follows the choices -------------------------------------------------------------------

function update() {
  const colours = colouring();
  for (const element of all("[data-when]")) {
    const wanted = element.dataset.when.split(" ").map((pair) => pair.split("="));
    element.toggleAttribute("hidden", !wanted.every(([key, value]) => state[key] === value));
  }
  for (const button of all("[data-set]")) {
    const [key, value] = button.dataset.set.split("=");
    button.setAttribute("aria-pressed", String(state[key] === value));
  }
  for (const select of all("[data-state]")) select.value = state[select.dataset.state];
  for (const element of all("[data-subtype]")) {
    element.classList.toggle("off", state.subtype !== null && Number(element.dataset.subtype) !== state.subtype);
  }
  for (const element of all("[data-pick]")) {
    element.setAttribute("aria-pressed", String(Number(element.dataset.pick) === state.subtype));
  }
  updateFilterText(colours);
  updateMap(colours);
  updateCases(colours);
  updateOrder();
}

function updateFilterText(colours) {
  if (!byId("filter-text")) return;
  const parts = [];
  if (state.subtype !== null) parts.push(make("span", { class: "swatch " + markClass(state.subtype) }), kindName(state.subtype));
  if (state.only !== null) {
    const entry = colours.entries.find((e) => e.index === state.only);
    const text = fieldOf(state.colour).name + ": " + (entry ? entry.name : colours.none);
    parts.push(parts.length ? ", " + text : text);
  }
  byId("filter-text").replaceChildren(...(parts.length ? parts : ["All failures"]));
  byId("filter-clear").hidden = parts.length === 0;
}

function set(key, value) {
  state[key] = value;
  if (key === "subtyping") state.subtype = null;
  if (key === "subtyping" || key === "colour") state.only = null;
  update();
}

function pick(subtype) {
  state.subtype = state.subtype === subtype ? null : subtype;
  update();
}

// ---- the map -----------------------------------------------------------------------------------------------

const scatter = byId("scatter");
const dots = scatter ? all("[data-dot]", scatter) : [];
const places = dots.map((dot) => ({
  i: Number(dot.dataset.dot), dot, x: Number(dot.getAttribute("cx")), y: Number(dot.getAttribute("cy")),
}));
let cursor = null;

function updateMap(colours) {
  if (!scatter) return;
  for (const { dot, i } of places) {
    dot.setAttribute("class", "dot " + colours.mark(i) + (visible(i, colours) ? "" : " off"));
  }
  moveCursor(null);
  const counts = new Map();
  for (let i = 0; i < data.ids.length; i++) counts.set(colours.of(i), (counts.get(colours.of(i)) || 0) + 1);
  const entries = [...colours.entries];
  if (counts.has(NONE)) entries.push({ index: NONE, name: colours.none, mark: "none" });
  const focused = all("button", byId("legend")).indexOf(document.activeElement);
  byId("legend").replaceChildren(...entries.filter((e) => counts.has(e.index)).map((entry) => {
    const pressed = colours.subtype ? state.subtype === entry.index : state.only === entry.index;
    const button = make("button", { type: "button", "aria-pressed": String(pressed) },
      make("span", { class: "swatch " + entry.mark }), make("span", { class: "name" }, entry.name),
      make("span", { class: "count" }, String(counts.get(entry.index))));
    button.addEventListener("click", () => {
      if (colours.subtype) return pick(entry.index);
      state.only = state.only === entry.index ? null : entry.index;
      update();
    });
    return button;
  }));
  const again = all("button", byId("legend"))[focused];
  if (again) again.focus();
}

const shownPlaces = () => places.filter(({ dot }) => !dot.classList.contains("off"));

function nearest(event) {
  const matrix = scatter.getScreenCTM();
  if (!matrix) return null;
  const x = (event.clientX - matrix.e) / matrix.a, y = (event.clientY - matrix.f) / matrix.d;
  let best = null, least = 14 ** 2;
  for (const place of shownPlaces()) {
    const distance = (place.x - x) ** 2 + (place.y - y) ** 2;
    if (distance < least) [best, least] = [place, distance];
  }
  return best;
}

function moveCursor(place) {
  cursor = place;
  const ring = byId("cursor");
  ring.toggleAttribute("hidden", !place);
  if (place) {
    ring.setAttribute("cx", place.x);
    ring.setAttribute("cy", place.y);
    const box = place.dot.getBoundingClientRect();
    showTip(caseTip(place.i), box.right, box.bottom);
  } else hideTip();
}

function mapKey(event) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const shown = shownPlaces();
  if (event.key === "Escape") moveCursor(null);
  else if (event.key === "Enter" && cursor) pick(label(cursor.i));
  else if (event.key in steps && shown.length) {
    const at = shown.indexOf(cursor);
    moveCursor(shown[at < 0 ? 0 : (at + steps[event.key] + shown.length) % shown.length]);
  } else return;
  event.preventDefault();
}

if (scatter) {
  scatter.addEventListener("pointermove", (event) => moveCursor(nearest(event)));
  scatter.addEventListener("pointerleave", () => moveCursor(null));
  scatter.addEventListener("blur", () => moveCursor(null));
  scatter.addEventListener("keydown", mapKey);
  scatter.addEventListener("click", (event) => {
    const place = nearest(event);
    if (place) pick(label(place.i));
  });
}

// ---- pictures and cases ------------------------------------------------------------------------------------

function thumbnail(i) {
  if (!data.pictures[i]) return make("span", { class: "thumb missing" }, "no picture");
  const picture = byId("thumb").content.firstElementChild.cloneNode(true);
  picture.setAttribute("viewBox", data.pictures[i]);
  picture.setAttribute("aria-label", data.ids[i]);
  return picture;
}

const PAGE = 48;
let pages = 1;
const caseList = byId("case-list");

function updateCases(colours) {
  if (!caseList) return;
  const query = byId("case-search").value.trim().toLowerCase();
  const order = fieldOf(byId("case-order").value || "none");
  let cases = data.ids.map((_, i) => i).filter((i) => visible(i, colours) && data.ids[i].toLowerCase().includes(query));
  if (order) cases.sort((a, b) => compare(order.of[a], order.of[b]) || a - b);
  byId("case-count").textContent = cases.length === 1 ? "1 case" : cases.length + " cases";
  byId("case-more").hidden = cases.length <= PAGE * pages;
  caseList.replaceChildren(...cases.slice(0, PAGE * pages).map(caseFigure));
}

// Missing values last.
const compare = (a, b) => (a === null) - (b === null) || (a > b) - (a < b);

function caseFigure(i) {
  const figure = make("figure", { class: "case " + markClass(label(i)), "data-case": i, tabindex: 0 }, thumbnail(i));
  const caption = make("figcaption", {}, make("strong", {}, data.ids[i]));
  const named = (name) => data.fields.find((field) => field.name === name);
  const [truth, prediction] = [named("truth"), named("prediction")].map((field) => field && fieldText(field, i));
  if (truth && prediction) caption.append(truth + " \u2192 " + prediction);
  figure.append(caption);
  return figure;
}

if (caseList) {
  const restart = () => { pages = 1; updateCases(colouring()); };
  byId("case-order").addEventListener("change", restart);
  byId("case-search").addEventListener("input", restart);
  byId("case-more").addEventListener("click", () => { pages += 1; updateCases(colouring()); });
}

// ---- matrices ----------------------------------------------------------------------------------------------

// Where each index stands: those named by the order first, the rest after them.
function positions(order, count) {
  const named = [...new Set(order)].filter((i) => i < count);
  const sequence = [...named, ...Array.from({ length: count }, (_, i) => i).filter((i) => !named.includes(i))];
  const at = [];
  sequence.forEach((index, position) => { at[index] = position; });
  return at;
}

function updateOrder() {
  for (const heat of all("g.heat")) {
    const count = (name) => all(`[data-${name}]`, heat).reduce((n, g) => Math.max(n, Number(g.dataset[name]) + 1), 0);
    const order = (text) => (state.order === "found" && text ? text.split(" ").map(Number) : []);
    const rows = positions(order(heat.dataset.rowOrder), count("r"));
    const columns = positions(order(heat.dataset.columnOrder), count("c"));
    for (const row of all("[data-r]", heat)) row.setAttribute("transform", `translate(0 ${rows[row.dataset.r] * heat.dataset.cellHeight})`);
    for (const cell of all("[data-c]", heat)) cell.setAttribute("transform", `translate(${columns[cell.dataset.c] * heat.dataset.cellWidth} 0)`);
  }
}

// ---- tooltips ----------------------------------------------------------------------------------------------

const tip = byId("tip");

function showTip(content, x, y) {
  tip.replaceChildren(...content);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > innerWidth - 8 ? x - width - 22 : x + 14;
  const top = y + 14 + height > innerHeight - 8 ? y - height - 14 : y + 14;
  tip.style.left = Math.max(8, left) + "px";
  tip.style.top = Math.max(8, top) + "px";
}

function hideTip() {
  tip.hidden = true;
}

function caseTip(i) {
  const list = make("dl");
  const row = (name, value) => list.append(make("dt", {}, name), make("dd", {}, value));
  if (data.subtypings.length) row("grouped as", kindName(label(i)));
  for (const field of data.fields) {
    const text = fieldText(field, i);
    if (text !== null) row(field.name, text);
  }
  return [thumbnail(i), make("strong", {}, data.ids[i]), list];
}

function tipFor(target, x, y) {
  const element = target instanceof Element && target.closest("[data-case], [data-tip]");
  if (!element) return hideTip();
  showTip(element.dataset.case === undefined ? [element.dataset.tip] : caseTip(Number(element.dataset.case)), x, y);
}

document.addEventListener("pointermove", (event) => {
  if (!scatter || !scatter.contains(event.target)) tipFor(event.target, event.clientX, event.clientY);
});
document.addEventListener("focusin", (event) => {
  if (event.target === scatter || !event.target.matches(":focus-visible")) return;
  const box = event.target.getBoundingClientRect();
  tipFor(event.target, box.right, box.bottom);
});
document.addEventListener("focusout", hideTip);
document.addEventListener("scroll", hideTip, true);

// ---- controls ----------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const picked = event.target.closest("[data-pick]");
  const chosen = event.target.closest("[data-set]");
  if (picked) pick(Number(picked.dataset.pick));
  else if (chosen) set(...chosen.dataset.set.split("="));
});
document.addEventListener("keydown", (event) => {
  const picked = event.target.closest("g[data-pick]");
  if (picked && (event.key === "Enter" || event.key === " ")) {
    pick(Number(picked.dataset.pick));
    event.preventDefault();
  }
});
for (const select of all("[data-state]")) select.addEventListener("change", () => set(select.dataset.state, select.value));
if (byId("filter-clear")) {
  byId("filter-clear").addEventListener("click", () => { state.subtype = state.only = null; update(); });
}

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const nameTheme = () => { byId("theme").textContent = isDark() ? "Light" : "Dark"; };
byId("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
system.addEventListener("change", nameTheme);

nameTheme();
update();
})();
