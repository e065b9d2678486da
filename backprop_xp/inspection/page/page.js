/* The state of the page, its steps and its controls. Every change computes everything anew. */

const lessons = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const MOST_LINKED = 600; // parameters that a link carries
const MOST_INVERTED = 30; // units of a layer whose W is inverted

let lesson;
let net;
let state;
let pass;

/* ---------------------------------------------------------------------------------------------
   the state */

function begin(number, kept = {}) {
  lesson = lessons[number];
  net = networkOf(lesson);
  const m = lesson.cases.length;
  state = {
    number,
    theta: unpacked(lesson.theta),
    X: transpose(matrix(m, net.sizes[0], unpacked(lesson.X))),
    Y: transpose(matrix(m, net.sizes.at(-1), unpacked(lesson.Y))),
    w: unpacked(lesson.w),
    case: lesson.case ?? (lesson.steps.length > 1 ? null : 0),
    step: 0,
    optimizer: optimizerOf(lesson, net.parameters),
    history: [],
    trained: [],
    unit: [Math.max(0, net.layers.length - 1), 0],
    chosen: lesson.startsAt !== "",
    inverse: net.layers.length,
    weight: [1, 0, 0],
    sumsTo1: false,
  };
  state.sumsTo1 = sumsTo1();
  const start = steps().findIndex(({ terms }) => terms.at(-1).name === lesson.startsAt);
  state.step = Math.max(0, start);
  Object.assign(state, kept);
  fillControls();
  render();
}

/* Whether the targets are shares, which softmax with cross-entropy takes as a whole. */
function sumsTo1() {
  const pair = lesson.loss === "cross_entropy" && lesson.activations.at(-1) === "softmax";
  const sum = column(state.Y, state.case ?? 0).reduce((total_, y) => total_ + y, 0);
  return pair && state.Y.n > 1 && Math.abs(sum - 1) < 1e-9;
}

function written() {
  return state.case === null ? lesson.steps.at(-1) : lesson.steps[0];
}

function steps() {
  return written().steps;
}

/* The inputs, targets and weights of the cases that are shown. */
function casesShown() {
  if (state.case === null) return [state.X, state.Y, state.w];
  const one = (A) => matrix(A.n, 1, column(A, state.case));
  return [one(state.X), one(state.Y), Float64Array.of(1)];
}

/* ---------------------------------------------------------------------------------------------
   what is shown */

function render() {
  pass = passOf(net, state.theta, ...casesShown());
  if (state.history.length === 0) state.history.push(pass.E);
  renderStep();
  renderNetwork();
  renderElement();
  renderInverse();
  renderNumbers();
  renderTraining();
  renderMap();
  $("link").href = linkOf();
}

function renderStep() {
  const { section, equation, where, terms } = steps()[state.step];
  $("section").textContent = section;
  $("equation").replaceChildren(math(equation));
  if (where) {
    const formula = element("span", { class: "where" }, " with ", math(where));
    $("equation").append(formula);
  }
  const sides = [];
  for (const { sign, name } of terms) {
    if (sign && sign.includes("<mo>=</mo>")) sides.push(element("div", { class: "numbers" }));
    const shownTerm = sign ? math(sign) : matrixElement(quantity(net, state.optimizer, pass, name));
    sides.at(-1).append(shownTerm);
  }
  $("numbers").replaceChildren(...sides);
  $("place").textContent = `Step ${state.step + 1} of ${steps().length}`;
  $("scrubber").max = steps().length - 1;
  $("scrubber").value = state.step;
  $("scrubber").setAttribute("aria-valuetext", `${state.step + 1}: ${section}`);
  $("back").disabled = $("first").disabled = state.step === 0;
  $("next").disabled = $("last").disabled = state.step === steps().length - 1;
  $("note").textContent = written().note;
}

const OF_CONNECTIONS = new Set(["W", "M", "dE_dW"]);
const OF_COST = new Set([
  "y",
  "E",
  "E_c",
  "dE_c",
  "a-y",
  "sum_y",
  "w",
  "slopes",
  "jacobian",
  "result",
]);

/* The kind and the layer of a quantity that a step names. */
function partsOf(name) {
  const bare = name.replace(/^(why\.|new\.|change\.)/, "").replace(/\.T$/, "");
  const [, kind, digits] = /^(.*?)(\d*)$/.exec(bare);
  return { kind, layer: digits === "" ? null : Number(digits) };
}

function litBy({ terms }) {
  const lit = new Set();
  for (const { name } of terms) {
    if (!name) continue;
    const { kind, layer } = partsOf(name);
    if (kind === "dE_dx") lit.add("unit0");
    else if (OF_COST.has(kind)) lit.add("E").add(`unit${net.layers.length}`);
    else if (layer !== null) lit.add(OF_CONNECTIONS.has(kind) ? `W${layer}` : `unit${layer}`);
  }
  return lit;
}

/* What is known of each layer at this step: its last quantity in the order of computation. */
function valuesKnown() {
  const L = net.layers.length;
  const known = Array.from({ length: L + 1 }, () => null);
  const put = (l, name, A) => {
    known[l] = { name, numbers: column(A, 0) };
  };
  put(0, "x", pass.x);
  for (const { terms } of steps().slice(0, state.step + 1)) {
    const { kind, layer } = partsOf(terms.at(-1).name);
    const signs = { z: "z", a: "a", delta: "\u03b4", dE_da: "\u2202E/\u2202a" };
    if (kind in signs) put(layer, signs[kind] + raised(layer), pass[kind][layer]);
    if (kind === "dE_c") put(L, "\u2202E/\u2202a", pass.dE_c);
    if (kind === "dE_dx") put(0, "\u2202E/\u2202x", pass.dE_da[0]);
  }
  return known;
}

function renderNetwork() {
  const step = steps()[state.step];
  const seen = steps().slice(0, state.step + 1);
  const costKnown = seen.some(({ terms }) => terms.at(-1).name === "E");
  const [layer, unit] = state.unit;
  drawNetwork($("network"), net, state.theta, {
    lit: litBy(step),
    values: valuesKnown(),
    back: step.section.startsWith("Backward"),
    chosen: state.chosen ? { layer, unit } : null,
    E: costKnown ? short(pass.E) : "",
    description: `At this step: ${step.section}.`,
    choose: chosenIn,
  });
}

function chosenIn({ unit, weight }) {
  if (unit) {
    state.unit = unit;
    state.chosen = true;
  }
  if (weight) state.weight = weight;
  fillChoices();
  render();
}

/* The sum for one unit, with its numbers, and the differences that confirm it. */
function renderElement() {
  const [l, K] = state.unit;
  const parts = [];
  if (pass.x.m > 1) parts.push(element("p", {}, "Of the first case."));
  if (l < net.layers.length) parts.push(...sumOfUnit(l, K));
  if (l > 0) parts.push(...errorOfUnit(l, K));
  $("element").replaceChildren(...parts);
}

function derivative(letter) {
  return `<mrow><mo>\u2202</mo><mi>E</mi><mo>/</mo><mo>\u2202</mo>${letter}</mrow>`;
}

/* A line of an equation: symbols in MathML, or its numbers. */
function equationLine(markup) {
  return element("p", {}, math(`<math>${markup}</math>`));
}

function numbersLine(text) {
  return element("p", { class: "sum" }, text);
}

/* The derivative by the activation of a unit: a sum over the units above it. */
function sumOfUnit(l, K) {
  const above = l + 1;
  const W = weights(net, state.theta, above);
  const delta = column(pass.delta[above], 0);
  const products = places(delta.length, 8).map((j) =>
    j === null ? "\u2026" : `${inBrackets(delta[j])} \u00b7 ${inBrackets(at(W, j, K))}`,
  );
  const unit = l === 0 ? symbol("x", [K + 1], "") : symbol("a", [K + 1], l);
  const sum = `<msub><mo>\u2211</mo><mi>j</mi></msub>${symbol("\u03b4", ["j"], above)}${symbol("w", ["j", K + 1], above)}`;
  const confirmed = shown(nudgedActivation(net, pass, l, K, 0));
  return [
    element(
      "p",
      {},
      `Unit ${K + 1} feeds every unit j above it, through column ${K + 1} of W${raised(above)}.`,
    ),
    element(
      "div",
      { class: "numbers" },
      `W${raised(above)} =`,
      matrixElement(W, (i, j) => j === K),
      `\u03b4${raised(above)} =`,
      matrixElement(matrix(delta.length, 1, delta)),
    ),
    equationLine(`${derivative(unit)}<mo>=</mo>${sum}`),
    numbersLine(`= ${products.join(" + ")}`),
    numbersLine(
      `= ${shown(at(pass.dE_da[l], K, 0))}; a nudge of ${l === 0 ? "x" : "a"} gives ${confirmed}`,
    ),
    element(
      "p",
      {},
      `The sum runs down a column of W${raised(above)}. A column of W is a row of its transpose.`,
    ),
  ];
}

/* The error of a unit: times the slope of its activation, where each unit has its own. */
function errorOfUnit(l, K) {
  const delta = at(pass.delta[l], K, 0);
  const confirmed = `a nudge of z gives ${shown(nudged(net, pass, l, K, 0))}`;
  const error = symbol("\u03b4", [K + 1], l);
  const slopes = pass.da_dz[l];
  if (!slopes || l === net.layers.length) {
    const why = slopes
      ? "The step of this layer shows how the error of the outputs comes about."
      : "The units of this layer depend on each other, so the step of the layer has no sum for one.";
    return [
      element("p", {}, why),
      equationLine(error),
      numbersLine(`= ${shown(delta)}; ${confirmed}`),
    ];
  }
  const slope = `<msup><mi>\u03c3</mi><mo>\u2032</mo></msup><mo>(</mo>${symbol("z", [K + 1], l)}<mo>)</mo>`;
  const before = inBrackets(at(pass.dE_da[l], K, 0));
  return [
    equationLine(`${error}<mo>=</mo>${derivative(symbol("a", [K + 1], l))}<mo>\u00b7</mo>${slope}`),
    numbersLine(`= ${before} \u00b7 ${inBrackets(at(slopes, K, 0))}`),
    numbersLine(`= ${shown(delta)}; ${confirmed}`),
  ];
}

/* The transpose beside the inverse, and a nudge that tells which of them is the derivative. */
function renderInverse() {
  const l = state.inverse;
  const W = weights(net, state.theta, l);
  const [here, below] = [raised(l), raised(l - 1)];
  const box = $("inverse");
  if (Math.max(W.n, W.m) > MOST_INVERTED) {
    box.replaceChildren(element("p", {}, "This layer is too large to show."));
    return;
  }
  const delta = column(pass.delta[l], 0);
  const inverse = inverseTimes(W, delta);
  const square = W.n === W.m;
  const sign = square ? `(W${here})\u207b\u00b9` : `(W${here})\u207a`;
  const rows = Array.from({ length: W.m }, (_, K) => [
    K + 1,
    shown(nudgedActivation(net, pass, l - 1, K, 0)),
    shown(at(pass.dE_da[l - 1], K, 0)),
    inverse ? shown(inverse[K]) : "\u2013",
  ]);
  const none = `W${here} is ${W.n} \u00d7 ${W.m} and has no inverse. Its pseudo-inverse ${sign} is shown instead.`;
  const ofSquare = inverse ? `W${here} has an inverse.` : `W${here} has no inverse.`;
  box.replaceChildren(
    element(
      "p",
      {},
      `An inverse answers another question: which a${below} gives this z${here}? Nothing is undone on ` +
        "the way back. w_jK is the slope \u2202z_j/\u2202a_K, and slopes along a path are multiplied.",
    ),
    element("p", {}, `${square ? ofSquare : none} A nudge of a${below}_K tells which is right.`),
    listElement(
      ["K", "by a nudge", `(W${here})\u1d40 \u03b4${here}`, `${sign} \u03b4${here}`],
      rows,
    ),
  );
}

function renderNumbers() {
  $("cost-now").textContent = `E = ${shown(pass.E, 6)}`;
  for (const show of sliders) show();
}

function renderTraining() {
  const { history } = state;
  const text =
    history.length > 1 ? `Step ${history.length - 1}: E = ${shown(history.at(-1), 6)}` : "";
  $("trained").textContent = text;
  drawCurve($("curve"), history);
  const { published } = lesson;
  const rows = published.slice(0, state.trained.length).map((text_, k) => {
    const decimals = text_.split(".")[1].length;
    return [
      k + 1,
      text_.replace("-", "\u2212"),
      state.trained[k].toFixed(decimals).replace("-", "\u2212"),
    ];
  });
  const list = rows.length > 0 ? [listElement(["step", "w published", "w here"], rows)] : [];
  $("published").replaceChildren(...list);
  $("published").hidden = list.length === 0;
}

function renderMap() {
  const large = net.parameters > 5000 || net.sizes[0] !== 2;
  $("map-section").hidden = large;
  if (large) return;
  const { wide, high, low, top } = drawMap($("map"), net, state.theta, state.X, state.Y);
  const of =
    net.sizes.at(-1) === 1
      ? `orange ${shown(low, 2)}, blue ${shown(top, 2)}`
      : "each colour is the largest output";
  $("map-legend").textContent =
    `x\u2081 from \u2212${shown(wide, 2)} to ${shown(wide, 2)} to the right, ` +
    `x\u2082 from \u2212${shown(high, 2)} to ${shown(high, 2)} upward; ${of}. The dots are the cases.`;
  $("map").setAttribute(
    "aria-label",
    `The output for each pair of inputs. ${$("map-legend").textContent}`,
  );
}

/* ---------------------------------------------------------------------------------------------
   controls */

let sliders = [];

/* A slider with a number beside it: an element, and `name`, which names it and sets its range. */
function slider(read, write) {
  const label = element("label");
  const range = element("input", { type: "range", step: "any" });
  const number = element("input", { type: "number", step: "any" });
  const changed = (event) => {
    const x = event.target.valueAsNumber;
    if (!Number.isFinite(x)) return;
    write(x);
    state.history = [];
    state.trained = [];
    render();
  };
  range.addEventListener("input", changed);
  number.addEventListener("change", changed);
  sliders.push(() => {
    const x = read();
    range.value = x;
    range.setAttribute("aria-valuetext", shown(x));
    if (document.activeElement !== number || number.valueAsNumber !== x) {
      number.value = Number(x.toPrecision(6));
    }
  });
  const name = (text, [least, most]) => {
    label.textContent = text;
    range.min = least;
    range.max = most;
    range.setAttribute("aria-label", text);
    number.setAttribute("aria-label", `${text}, as a number`);
  };
  return { box: element("div", { class: "slider" }, label, range, number), name };
}

function namedSlider(text, range, read, write) {
  const { box, name } = slider(read, write);
  name(text, range);
  return box;
}

function rangeAround(x, least = 2) {
  const most = Math.max(least, 2 * Math.abs(x));
  return [-most, most];
}

function options(select, names, chosen) {
  select.replaceChildren(
    ...names.map(([value, name]) => element("option", { value, selected: value === chosen }, name)),
  );
}

const EACH_SLIDER = 10; // inputs or targets that have a slider of their own

function fillControls() {
  const L = net.layers.length;
  options(
    $("story"),
    lessons.map(({ title }, k) => [k, title]),
    state.number,
  );
  $("text").textContent = lesson.text;
  const cases = lesson.cases.map((place, k) => [k, `case ${place}`]);
  const all =
    lesson.cases.length < lesson.ofCases
      ? `${cases.length} of ${lesson.ofCases} cases`
      : `all ${cases.length} cases`;
  $("case-label").hidden = lesson.steps.length === 1;
  options(
    $("case"),
    lesson.steps.length > 1 ? [["all", all], ...cases] : cases,
    state.case ?? "all",
  );
  const layers = net.layers.map((_, k) => [k + 1, `layer ${k + 1}`]);
  options($("element-layer"), [[0, "inputs"], ...layers], state.unit[0]);
  options(
    $("inverse-layer"),
    net.layers.map((_, k) => [k + 1, `W${raised(k + 1)}`]),
    state.inverse,
  );
  options($("weight-layer"), layers, state.weight[0]);
  $("inverse-section").hidden = L === 0;
  fillSliders();
  fillChoices();
}

function fillSliders() {
  sliders = [];
  const c = state.case;
  const one = "Choose one case above to change its inputs and targets.";
  const groups = [
    ["inputs", "x", state.X, () => rangeAround],
    ["targets", "y", state.Y, () => rangeOfTargets()],
  ];
  for (const [id, sign, A, rangeOf] of groups) {
    if (c === null) {
      $(id).replaceChildren(id === "inputs" ? element("p", {}, one) : "");
      continue;
    }
    const made = Array.from({ length: Math.min(A.n, EACH_SLIDER) }, (_, i) =>
      namedSlider(
        `${sign}${subscript(i + 1)}`,
        rangeOf()(at(A, i, c)),
        () => at(A, i, c),
        (x) => (id === "targets" ? setTarget(i, c, x) : (A.data[i * A.m + c] = x)),
      ),
    );
    if (A.n > EACH_SLIDER) made.push(element("small", {}, `The first ${EACH_SLIDER} of ${A.n}.`));
    $(id).replaceChildren(...made);
  }
  fillRate();
  fillWeight();
}

function rangeOfTargets() {
  const shares = ["sigmoid", "softmax"].includes(lesson.activations.at(-1));
  return shares ? () => [0, 1] : (x) => rangeAround(x, 1);
}

/* Set a target; where the targets of a case are shares, the others keep the sum at 1. */
function setTarget(i, c, x) {
  const { Y } = state;
  const before = at(Y, i, c);
  if (!state.sumsTo1) {
    Y.data[i * Y.m + c] = x;
    return;
  }
  const share = Math.min(1, Math.max(0, x));
  for (let d = 0; d < Y.n; d += 1) {
    const others = 1 - before;
    const part = others > 0 ? at(Y, d, c) / others : 1 / (Y.n - 1);
    Y.data[d * Y.m + c] = d === i ? share : (1 - share) * part;
  }
}

function fillRate() {
  const { settings } = state.optimizer;
  $("rate").replaceChildren();
  if (!("learning_rate" in settings)) return;
  const most = Math.max(lesson.optimizer.settings.learning_rate * 4, 1e-6);
  const made = namedSlider(
    "rate \u03b5",
    [0, most],
    () => settings.learning_rate,
    (x) => (settings.learning_rate = Math.max(0, x)),
  );
  $("rate").append(made);
}

/* The place in theta of the chosen weight, or of a bias, where "from unit" is 0. */
function placeOfWeight() {
  const [l, j, i] = state.weight;
  const { W, b, nIn } = net.layers[l - 1];
  return i < 0 ? b + j : W + j * nIn + i;
}

let weightSlider;

function fillWeight() {
  weightSlider = slider(
    () => state.theta[placeOfWeight()],
    (x) => {
      state.theta = state.theta.slice();
      state.theta[placeOfWeight()] = x;
    },
  );
  $("weight").replaceChildren(weightSlider.box);
  nameWeight();
}

/* Name the slider of the chosen weight; where it cannot be moved, say why. */
function nameWeight() {
  const [l, j, i] = state.weight;
  const { exists } = net.layers[l - 1];
  const letter = i < 0 ? "b" : "w";
  const from = i < 0 ? "" : subscript(i + 1);
  const text = `${letter}${raised(l)}${subscript(j + 1)}${from}`;
  weightSlider.name(text, rangeAround(state.theta[placeOfWeight()]));
  const removed = i >= 0 && exists && at(exists, j, i) === 0;
  const why = removed ? "This connection is removed." : "This network has no bias.";
  const fixed = removed || (i < 0 && !net.biases);
  weightSlider.box.hidden = fixed;
  $("weight-fixed").textContent = fixed ? why : "";
}

/* The choices of a unit and of a weight, within the sizes of their layers. */
function fillChoices() {
  const [l, K] = state.unit;
  state.unit = [l, Math.min(K, net.sizes[l] - 1)];
  $("element-layer").value = l;
  $("element-unit").max = net.sizes[l];
  $("element-unit").value = state.unit[1] + 1;
  const [to, j, i] = state.weight;
  state.weight = [to, Math.min(j, net.sizes[to] - 1), Math.min(i, net.sizes[to - 1] - 1)];
  $("weight-layer").value = to;
  $("weight-to").max = net.sizes[to];
  $("weight-to").value = state.weight[1] + 1;
  $("weight-from").max = net.sizes[to - 1];
  $("weight-from").value = state.weight[2] + 1;
  nameWeight();
}

/* A whole number of an input within its range. */
function count(input) {
  const x = Math.round(input.valueAsNumber) || 0;
  return Math.min(Number(input.max), Math.max(Number(input.min), x));
}

function goTo(step) {
  state.step = Math.min(steps().length - 1, Math.max(0, step));
  renderStep();
  renderNetwork();
  $("link").href = linkOf();
}

/* Steps of training, in slices that leave the page alive. */
function train(count_) {
  const [x, y, w] = casesShown();
  let left = count_;
  const of = state;
  const slice = () => {
    if (of !== state) return;
    const end = performance.now() + 40;
    while (left > 0 && performance.now() < end) {
      const { theta, optimizer } = stepped(
        net,
        state.optimizer,
        state.theta,
        passOf(net, state.theta, x, y, w).gradient,
      );
      state.theta = theta;
      state.optimizer.state = optimizer.state;
      state.history.push(total(costs(net, passTop(theta, x), y), w));
      state.trained.push(theta[0]);
      left -= 1;
    }
    render();
    if (left > 0) requestAnimationFrame(slice);
  };
  slice();
}

function passTop(theta, x) {
  let z = weightedInput(net, theta, 1, x);
  for (let l = 2; l <= net.layers.length; l += 1) {
    z = weightedInput(net, theta, l, activated(net, l - 1, z));
  }
  return z;
}

/* ---------------------------------------------------------------------------------------------
   a link that carries the state */

function linkOf() {
  const carried = {
    n: state.number,
    s: state.step,
    c: state.case,
    u: state.unit,
    v: state.weight,
    i: state.inverse,
    r: state.optimizer.settings.learning_rate,
  };
  if (net.parameters <= MOST_LINKED) carried.t = packed(state.theta);
  if (state.case !== null && net.sizes[0] + net.sizes.at(-1) <= MOST_LINKED) {
    carried.x = packed(column(state.X, state.case));
    carried.y = packed(column(state.Y, state.case));
  }
  return `#${encodeURIComponent(btoa(JSON.stringify(carried)))}`;
}

/* The state of the link, checked; false where there is none. */
function openLink() {
  try {
    const carried = JSON.parse(atob(decodeURIComponent(location.hash.slice(1))));
    const numbers = (text, n) => {
      const found = unpacked(text);
      if (found.length !== n) throw new RangeError("another network");
      return found;
    };
    if (!lessons[carried.n]) return false;
    begin(carried.n);
    const index = (x, n) => (Number.isInteger(x) && x >= 0 && x < n ? x : 0);
    state.case =
      carried.c === null && lesson.steps.length > 1 ? null : index(carried.c, lesson.cases.length);
    state.step = index(carried.s, steps().length);
    const [l, K] = carried.u;
    state.unit = [index(l, net.sizes.length), 0];
    state.unit[1] = index(K, net.sizes[state.unit[0]]);
    state.inverse = 1 + index(carried.i - 1, net.layers.length);
    const [to, j, i] = carried.v;
    state.weight = [1 + index(to - 1, net.layers.length), 0, 0];
    state.weight[1] = index(j, net.sizes[state.weight[0]]);
    state.weight[2] = i === -1 ? -1 : index(i, net.sizes[state.weight[0] - 1]);
    if (Number.isFinite(carried.r)) state.optimizer.settings.learning_rate = carried.r;
    if (carried.t) state.theta = numbers(carried.t, net.parameters);
    const put = (A, text) => {
      if (text && state.case !== null) {
        numbers(text, A.n).forEach((x, k) => {
          A.data[k * A.m + state.case] = x;
        });
      }
    };
    put(state.X, carried.x);
    put(state.Y, carried.y);
    state.sumsTo1 = sumsTo1();
    state.history = [];
    fillControls();
    render();
    return true;
  } catch {
    return false;
  }
}

/* ---------------------------------------------------------------------------------------------
   events */

$("first").addEventListener("click", () => goTo(0));
$("back").addEventListener("click", () => goTo(state.step - 1));
$("next").addEventListener("click", () => goTo(state.step + 1));
$("last").addEventListener("click", () => goTo(steps().length - 1));
$("scrubber").addEventListener("input", () => goTo(Number($("scrubber").value)));
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const elsewhere =
    target.matches("input, select, [tabindex]") || event.ctrlKey || event.altKey || event.metaKey;
  if (elsewhere || (key !== "ArrowLeft" && key !== "ArrowRight")) return;
  event.preventDefault();
  goTo(state.step + (key === "ArrowRight" ? 1 : -1));
});
$("story").addEventListener("change", () => begin(Number($("story").value)));
$("case").addEventListener("change", () => {
  const { value } = $("case");
  state.case = value === "all" ? null : Number(value);
  state.step = Math.min(state.step, steps().length - 1);
  state.history = [];
  state.trained = [];
  state.sumsTo1 = sumsTo1();
  fillSliders();
  render();
});
$("element-layer").addEventListener("change", () => {
  chosenIn({ unit: [Number($("element-layer").value), 0] });
});
$("element-unit").addEventListener("change", () => {
  chosenIn({ unit: [state.unit[0], count($("element-unit")) - 1] });
});
$("inverse-layer").addEventListener("change", () => {
  state.inverse = Number($("inverse-layer").value);
  render();
});
for (const id of ["weight-layer", "weight-to", "weight-from"]) {
  $(id).addEventListener("change", () => {
    const l = Number($("weight-layer").value);
    chosenIn({ weight: [l, count($("weight-to")) - 1, count($("weight-from")) - 1] });
  });
}
for (const button of document.querySelectorAll("[data-steps]")) {
  button.addEventListener("click", () => train(Number(button.dataset.steps)));
}
$("anew").addEventListener("click", () => {
  const seed = Math.max(0, Math.round($("seed").valueAsNumber) || 0);
  state.theta = drawn(net, seed);
  const { settings } = state.optimizer;
  state.optimizer = { ...optimizerOf(lesson, net.parameters), settings };
  state.history = [];
  state.trained = [];
  fillSliders();
  render();
});
$("reset").addEventListener("click", () => {
  const { step, unit, weight, inverse } = state;
  begin(state.number, { step, unit, weight, inverse });
});
window.addEventListener("hashchange", openLink);
window.addEventListener("resize", () => {
  renderNetwork();
  renderTraining();
});

if (!openLink()) begin(0);
