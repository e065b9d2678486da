/* What is shown, computed anew from the state by `render`. */

function render() {
  pass = passOf(net, state.theta, ...casesShown());
  if (state.history.length === 0) state.history.push(pass.E);
  renderStep();
  renderNetwork();
  renderWhole();
  renderElement();
  renderInverse();
  renderNumbers();
  renderTraining();
  renderMap();
  $("link").href = linkOf();
}

function renderStep() {
  const { section, terms } = steps()[state.step];
  $("section").textContent = section;
  $("equation").replaceChildren(...equationOf(steps()[state.step]));
  $("numbers").replaceChildren(...sidesOf(terms));
  $("place").textContent = `Step ${state.step + 1} of ${steps().length}`;
  $("scrubber").max = steps().length - 1;
  $("scrubber").value = state.step;
  $("scrubber").setAttribute("aria-valuetext", `${state.step + 1}: ${section}`);
  $("back").disabled = $("first").disabled = state.step === 0;
  $("next").disabled = $("last").disabled = state.step === steps().length - 1;
  $("reason").replaceChildren(...prose(reasonOf(steps()[state.step])));
  $("note").replaceChildren(...prose(written().note));
}

/* An equation, and the formula of the function in it. */
function equationOf({ equation, where }) {
  const formula = where ? [element("span", { class: "where" }, " with ", math(where))] : [];
  return [math(equation), ...formula];
}

function term(...parts) {
  return element("div", { class: "term" }, ...parts);
}

/* The sides of an equation as elements. A line breaks before a sign, and not between a bracket and the
   matrix in it. */
function sidesOf(terms) {
  const sides = [];
  let signs = [];
  let last;
  let before = null; // the matrix that the next one is multiplied by
  for (const { sign, name } of terms) {
    if (sign && sign.includes("<mo>=</mo>")) sides.push(element("div", { class: "numbers" }));
    if (sign) before = null;
    if (sign && sign.includes(">)</mo>")) {
      last.append(math(sign));
    } else if (sign) {
      signs.push(math(sign));
    } else {
      const A = quantity(net, state.optimizer, pass, name);
      if (before && (isNumber(A) || isNumber(before))) signs.push(math("<math><mo>\u00b7</mo></math>"));
      before = A;
      last = term(...signs, matrixElement(A));
      sides.at(-1).append(last);
      signs = [];
    }
  }
  return sides;
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
    if (kind === "dE_c") put(L, `\u2202E/\u2202a${raised(L)}`, pass.dE_da[L]);
    if (kind === "dE_dx") put(0, "\u2202E/\u2202x", pass.dE_da[0]);
  }
  return known;
}

function renderNetwork() {
  const step = steps()[state.step];
  const seen = steps().slice(0, state.step + 1);
  const costKnown = seen.some(({ terms }) => terms.at(-1).name === "E");
  const [layer, unit] = state.unit;
  $("of-case").textContent = pass.x.m > 1 ? "The numbers in the units are those of the first case." : "";
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
  if (pass.x.m > 1) parts.push(element("p", {}, "The numbers are those of the first case."));
  if (l < net.layers.length) parts.push(...sumOfUnit(l, K));
  if (l > 0) parts.push(...errorOfUnit(l, K));
  $("element").replaceChildren(...parts);
}

function derivative(letter) {
  return `<mrow><mi>\u2202</mi><mi>E</mi><mo lspace="0" rspace="0">/</mo><mi>\u2202</mi>${letter}</mrow>`;
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
    j === null ? "\u2026" : `${inBrackets(delta[j])}\u00a0\u00b7\u00a0${inBrackets(at(W, j, K))}`,
  );
  const unit = l === 0 ? symbol("x", [K + 1], "") : symbol("a", [K + 1], l);
  const sum = `<msub><mo>\u2211</mo><mi>j</mi></msub>${symbol("\u03b4", ["j"], above)}${symbol("w", ["j", K + 1], above)}`;
  const confirmed = shown(nudgedActivation(net, pass, l, K, 0));
  return [
    element(
      "p",
      {},
      `Unit ${K + 1} feeds every unit j above it, through column ${K + 1} of W${raised(above)}. ` +
        "Its slope is a sum over them:",
    ),
    element(
      "div",
      { class: "numbers" },
      term(`W${raised(above)} =`, matrixElement(W, (i, j) => j === K)),
      term(`\u03b4${raised(above)} =`, matrixElement(matrix(delta.length, 1, delta))),
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
  const slope =
    '<mrow><mi>\u03c3</mi><mo class="prime" lspace="0" rspace="0">\u2032</mo></mrow>' +
    `<mo>(</mo>${symbol("z", [K + 1], l)}<mo>)</mo>`;
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
  if (Math.min(W.n, W.m) ** 2 * Math.max(W.n, W.m) > MOST_INVERTED) {
    box.replaceChildren(element("p", {}, "This layer is too large to be inverted here."));
    return;
  }
  const inverse = inverseTimes(W, column(pass.delta[l], 0));
  const sign = W.n === W.m ? `(W${here})\u207b\u00b9` : `(W${here})\u207a`;
  const slopes = column(pass.dE_da[l - 1], 0);
  const rows = places(W.m).map((K) => {
    if (K === null) return ["\u22ee", "\u22ee", "\u22ee", "\u22ee"];
    const nudge = nudgedActivation(net, pass, l - 1, K, 0);
    return [K + 1, nudge, slopes[K], inverse ? inverse[K] : "\u2013"];
  });
  const measured = rows.filter(([, nudge]) => typeof nudge === "number");
  const scale = Math.max(...measured.map(([, , slope]) => Math.abs(slope)));
  const agrees = measured.every(([, nudge, slope]) => Math.abs(nudge - slope) <= 1e-4 * scale);
  const tiny = scale < 1e-7 * Math.abs(pass.E);
  const told = tiny ? " These slopes are too small for it." : agrees ? " It agrees with the transpose." : "";
  const texts = [
    `An inverse answers another question: which a${below} gives this z${here}? Nothing is undone on ` +
      "the way back. w_jK is the slope \u2202z_j/\u2202a_K. The slopes along a path are multiplied, and " +
      "the paths are added.",
    "With a single weight, the transpose gives w \u03b4 and the inverse \u03b4/w: the weaker the " +
      "connection, the larger its share of the error would be.",
    `${ofInverse(W, here, inverse)} A nudge of a${below}_K tells which is right.${told}`,
  ];
  box.replaceChildren(
    ...texts.map((text) => element("p", {}, ...prose(text))),
    listElement(
      ["K", "by a nudge", `(W${here})\u1d40 \u03b4${here}`, `${sign} \u03b4${here}`],
      rows.map(([K, ...numbers]) => [K, ...numbers.map((x) => (typeof x === "number" ? fitting(x) : x))]),
    ),
  );
}

/* Whether W of a layer has an inverse. */
function ofInverse(W, here, inverse) {
  if (W.n === W.m) return `W${here} ${inverse ? "has an" : "is singular: it has no"} inverse.`;
  const none = `W${here} is ${W.n} \u00d7 ${W.m} and has no inverse.`;
  if (inverse) return `${none} Its pseudo-inverse (W${here})\u207a is shown instead.`;
  return `${none} It has not full rank, so no pseudo-inverse is shown either.`;
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
  $("train-section").classList.toggle("screen", history.length < 2);
  const { published } = lesson;
  const compared = state.untouched ? state.trained.length : 0;
  const rows = published.slice(0, compared).map((text_, k) => {
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
  const { X, Y, output } = state;
  const { wide, high, low, top } = drawMap($("map"), net, state.theta, { X, Y, output });
  const colours = output === null ? classColours() : rampColours(low, top);
  $("map-output-label").hidden = net.sizes.at(-1) === 1;
  $("map-colours").replaceChildren(...colours);
  $("map-legend").textContent =
    `x\u2081 from \u2212${shown(wide, 2)} to ${shown(wide, 2)} to the right, ` +
    `x\u2082 from \u2212${shown(high, 2)} to ${shown(high, 2)} upward. ` +
    "The dots are the cases, in the colours of their targets.";
  $("map").setAttribute(
    "aria-label",
    `The output for each pair of inputs. ${$("map-legend").textContent}`,
  );
}

/* The colours of the map where the largest output counts, and where one output is drawn. */
function classColours() {
  const hues = HUES.slice(0, net.sizes.at(-1));
  return ["The largest output:", ...hues.flatMap((hue, k) => [swatch(inCSS(hue)), `${k + 1}`])];
}

function rampColours(low, top) {
  const [most, least] = HUES.map(inCSS);
  const ramp = swatch(`linear-gradient(to right, ${least}, ${most})`);
  ramp.classList.add("wide");
  return [`The output: ${shown(low, 2)}`, ramp, shown(top, 2)];
}

function swatch(background) {
  const made = element("span", { class: "swatch" });
  made.style.background = background;
  return made;
}
