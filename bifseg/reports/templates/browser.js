"use strict";
// The session browser: every session of the run, filtered and drawn from the packed arrays in the page.
const pack = JSON.parse(document.getElementById("pack").textContent);
const sessions = pack.cohorts.flatMap((cohort) =>
  cohort.sessions.map((session) => {
    const dice = session.steps.map((step) => step[1]);
    const failed = ["failed", "timeout"].includes(session.status);
    const best = Math.max(...dice);
    const ended = best >= (pack.goals[session.protocol] ?? pack.target) ? "ended below the target" : "not reached";
    const outcome = failed ? "failed" : best >= pack.target ? "reached" : ended;
    const object = cohort.objects[session.o];
    return { ...session, object, cohort: cohort.name, structure: object.structure, dice: dice.at(-1), outcome };
  }),
);
const PAGE = 48;
const view = { session: null, arrays: null, step: 0, slice: 0, list: [], shown: PAGE };
const at = (id) => document.getElementById(id);
const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function load(session) {
  const object = session.object;
  if (!object.image) {
    object.image = new Image();
    object.image.src = `data:image/jpeg;base64,${object.picture}`;
    object.bits = unpack(object.truth);
  }
  session.bytes ??= unpack(session.data);
  const [bytes, truth] = await Promise.all([session.bytes, object.bits, object.image.decode()]);
  const size = Math.ceil(object.shape.reduce((a, b) => a * b) / 8);
  const count = session.strokes.length;
  const masks = session.strokes.map((_, k) => bytes.subarray(k * size, (k + 1) * size));
  const indices = new Uint32Array(bytes.slice(count * size).buffer);
  const strokes = [];
  let from = 0;
  for (const pair of session.strokes) strokes.push(pair.map((n) => indices.subarray(from, (from += n))));
  return { masks, truth, strokes };
}

const bit = (bits, k) => (bits[k >> 3] >> (7 - (k & 7))) & 1;

function maskOf(session, step) {
  // A failed step has no mask; masks are counted over the steps that have one.
  const have = session.steps.slice(0, step + 1).filter((one) => one[4]).length;
  return session.steps[step] && session.steps[step][4] ? have - 1 : -1;
}

function largestSlice(object, truth) {
  const [slices, rows, columns] = object.shape;
  const areas = Array.from({ length: slices }, (_, z) => {
    let area = 0;
    for (let k = z * rows * columns; k < (z + 1) * rows * columns; k++) area += bit(truth, k);
    return area;
  });
  return areas.indexOf(Math.max(...areas));
}

function worstSlice(object, truth, mask) {
  // The slice with most wrong voxels.
  const [slices, rows, columns] = object.shape;
  if (!mask) return largestSlice(object, truth);
  const errors = Array.from({ length: slices }, (_, z) => {
    let wrong = 0;
    for (let k = z * rows * columns; k < (z + 1) * rows * columns; k++) wrong += bit(truth, k) ^ bit(mask, k);
    return wrong;
  });
  return errors.indexOf(Math.max(...errors));
}

function outline(context, bits, offset, rows, columns, colour, sx, sy) {
  const inside = (y, x) => y >= 0 && x >= 0 && y < rows && x < columns && bit(bits, offset + y * columns + x);
  context.beginPath();
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      if (!inside(y, x)) continue;
      const [left, top, right, bottom] = [x * sx, y * sy, (x + 1) * sx, (y + 1) * sy];
      const edge = (x0, y0, x1, y1) => { context.moveTo(x0, y0); context.lineTo(x1, y1); };
      if (!inside(y - 1, x)) edge(left, top, right, top);
      if (!inside(y + 1, x)) edge(left, bottom, right, bottom);
      if (!inside(y, x - 1)) edge(left, top, left, bottom);
      if (!inside(y, x + 1)) edge(right, top, right, bottom);
    }
  context.strokeStyle = colour;
  context.stroke();
}

function draw(canvas, session, arrays, step, slice, width, show) {
  const [, rows, columns] = session.object.shape;
  const ratio = session.object.spacing[0] / session.object.spacing[1];
  const sx = Math.min(width / columns, (1.4 * width) / (rows * ratio)), sy = sx * ratio;
  canvas.width = Math.round(columns * sx);
  canvas.height = Math.round(rows * sy);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(session.object.image, 0, slice * rows, columns, rows, 0, 0, canvas.width, canvas.height);
  const offset = slice * rows * columns;
  const mask = maskOf(session, step);
  const drawn = [];  // a round that takes back the one before has no strokes of its own
  for (const [k, pair] of arrays.strokes.slice(0, mask < 0 ? undefined : mask + 1).entries())
    if (session.undone.includes(k)) drawn.pop();
    else drawn.push(pair);
  if (show.strokes)
    drawn.forEach((pair) =>
      pair.forEach((voxels, label) => {
        context.fillStyle = label ? pack.colours.background : pack.colours.foreground;
        for (const k of voxels) {
          const [y, x] = [Math.floor((k - offset) / columns), (k - offset) % columns];
          if (k >= offset && y < rows) context.fillRect(x * sx, y * sy, sx, sy);
        }
      }),
    );
  context.lineWidth = Math.max(1.2, width / 200);
  if (show.truth) outline(context, arrays.truth, offset, rows, columns, pack.colours.truth, sx, sy);
  context.setLineDash(width > 200 ? [6, 3] : []);
  if (show.result && mask >= 0) outline(context, arrays.masks[mask], offset, rows, columns, pack.colours.result, sx, sy);
}

const ALL = { truth: true, result: true, strokes: true };

async function thumbnail(canvas, session, width) {
  const arrays = await load(session);
  const step = session.steps.length - 1;
  const mask = arrays.masks[maskOf(session, step)];
  draw(canvas, session, arrays, step, worstSlice(session.object, arrays.truth, mask), width, ALL);
}

const percent = (dice) => `${(100 * dice).toFixed(1)}%`;

function redraw() {
  const { session, arrays, step, slice } = view;
  const show = { truth: at("show-truth").checked, result: at("show-result").checked, strokes: at("show-strokes").checked };
  draw(at("picture"), session, arrays, step, slice, Math.min(520, at("viewer").clientWidth), show);
  const [name, dice, prompts, seconds] = session.steps[step];
  const time = seconds === null ? "" : `, ${seconds} s of the user (predicted)`;
  at("step-text").textContent = `${name}: Dice ${percent(dice)}, ${prompts} prompts${time}`;
  at("slice-text").textContent = `slice ${slice + 1} of ${session.object.shape[0]}`;
}

async function select(session) {
  const arrays = await load(session);
  const step = session.steps.length - 1;
  const slice = worstSlice(session.object, arrays.truth, arrays.masks[maskOf(session, step)]);
  Object.assign(view, { session, arrays, step, slice });
  const replicate = session.replicate ? `, replicate ${session.replicate}` : "";
  at("session-title").textContent = `${session.entry} on ${session.object.name}${replicate}`;
  const status = session.status === "ok" ? "" : `, ${session.status}${session.error ? `: ${session.error}` : ""}`;
  const ends = {
    reached: "reached the target",
    "ended below the target": "the protocol ended it below the target",
    "not reached": "did not reach the target",
  };
  const end = ends[session.outcome] ?? "no result";
  at("session-text").textContent = `${session.cohort}, ${session.structure.replaceAll("_", " ")}, ${session.protocol}; ${end}${status}`;
  for (const [id, value, most] of [["step", step, session.steps.length - 1], ["slice", slice, session.object.shape[0] - 1]]) {
    Object.assign(at(id), { max: most, value });
    (id === "slice" ? at(id).closest("label") : at(id)).hidden = most === 0;  // the step's text says its Dice
  }
  at("viewer").hidden = false;
  for (const item of at("list").children) item.classList.toggle("chosen", item.session === session);
  redraw();
}

const KEYS = ["cohort", "structure", "entry", "protocol", "outcome"];
const ORDERS = {
  "worst Dice first": (one, other) => one.dice - other.dice,
  "best Dice first": (one, other) => other.dice - one.dice,
  "by object": (one, other) => one.object.name.localeCompare(other.object.name, "en", { numeric: true }),
};

// An entry that ends in @ stands for its method with every network.
const fits = (value, wanted) => ["", value].includes(wanted) || (wanted.endsWith("@") && value.startsWith(wanted));

function refresh() {
  const chosen = sessions.filter((session) => KEYS.every((key) => fits(session[key], at(key).value)));
  view.list = chosen.sort(ORDERS[at("order").value]);
  at("count").textContent = `${chosen.length} of ${sessions.length} sessions`;
  const items = view.list.slice(0, view.shown).map((session) => {
    const canvas = make("canvas", { width: 84, height: 84 });
    const text = `${session.entry}, ${session.protocol} · ${session.object.name}`;
    const item = make("button", { type: "button", session }, canvas, make("span", {}, make("b", {}, percent(session.dice)), ` ${text}`));
    item.addEventListener("click", () => select(session));
    watcher.observe(item);
    return item;
  });
  at("list").replaceChildren(...items);
  at("more").hidden = view.list.length <= view.shown;
}

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries)
    if (isIntersecting) {
      watcher.unobserve(target);
      thumbnail(target.querySelector("canvas"), target.session, 84);
    }
});

function open(filter, name) {
  for (const key of KEYS) {
    const wanted = filter[key] ?? "", values = [...at(key).options].map((option) => option.value);
    at(key).value = [wanted, values.find((value) => value.startsWith(`${wanted}@`))].find((value) => values.includes(value)) ?? "";
  }
  at("order").value = "worst Dice first";
  view.shown = PAGE;
  refresh();
  at(innerWidth > 700 ? "sessions" : "viewer").scrollIntoView();  // on a phone the picture is below the list
  const first = name ? view.list.find((session) => session.object.name === name) : view.list[0];
  if (first) select(first);
}

for (const key of KEYS) {
  const values = [...new Set(sessions.map((session) => session[key]))];
  const methods = key === "entry" ? values.filter((value) => value.includes("@")).map((value) => value.replace(/@.*/, "@")) : [];
  const several = methods.filter((method, k) => methods.indexOf(method) !== k);
  const text = (value) => (value.endsWith("@") ? `${value.slice(0, -1)}, every network` : value.replaceAll("_", " "));
  at(key).append(...[...new Set([...values, ...several])].sort().map((value) => make("option", { value }, text(value))));
}
at("order").append(...Object.keys(ORDERS).map((value) => make("option", { value }, value)));
for (const key of [...KEYS, "order"]) at(key).addEventListener("change", () => { view.shown = PAGE; refresh(); });
at("more").addEventListener("click", () => { view.shown += PAGE; refresh(); });
for (const id of ["step", "slice"]) at(id).addEventListener("input", () => { view[id] = Number(at(id).value); redraw(); });
for (const id of ["show-truth", "show-result", "show-strokes"]) at(id).addEventListener("change", redraw);
at("viewer").addEventListener("keydown", (event) => {
  const move = { ArrowUp: ["slice", 1], ArrowDown: ["slice", -1] }[event.key];
  if (!move || event.target.type === "range") return;
  at(move[0]).value = Number(at(move[0]).value) + move[1];
  at(move[0]).dispatchEvent(new Event("input"));
  event.preventDefault();
});
for (const row of document.querySelectorAll("tr[data-entry]"))
  row.addEventListener("click", (event) => {
    if (event.target.closest("a[href]:not([href='#sessions'])")) return;
    event.preventDefault();
    open(row.dataset, row.dataset.object);
  });
for (const canvas of document.querySelectorAll("canvas[data-object]")) {
  const { cohort, entry, protocol, object } = canvas.closest("tr").dataset;
  const session = sessions.find((one) => one.cohort === cohort && one.entry === entry && one.protocol === protocol && one.object.name === object);
  if (session) thumbnail(canvas, session, 72);
}
refresh();
if (view.list.length) select(view.list[0]);
