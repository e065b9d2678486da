/* The controls that change the state: sliders, choices, training. */

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
    touched();
    render();
  };
  range.addEventListener("input", changed);
  number.addEventListener("change", changed);
  sliders.push(() => {
    const x = read();
    if (!Number.isFinite(x)) {
      number.value = "";
      range.setAttribute("aria-valuetext", shown(x));
      return;
    }
    if (x < Number(range.min) || x > Number(range.max)) [range.min, range.max] = rangeAround(x);
    range.value = x;
    range.setAttribute("aria-valuetext", shown(x));
    if (document.activeElement !== number || number.valueAsNumber !== x) {
      number.value = Number(x.toPrecision(5));
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
  $("text").replaceChildren(...prose(lesson.text));
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
  const outputs = Array.from({ length: net.sizes.at(-1) }, (_, k) => [k, `output ${k + 1}`]);
  options($("map-output"), [["largest", "the largest output"], ...outputs], state.output ?? "largest");
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
  if (isScheduled("learning_rate")) {
    $("rate").append(element("p", {}, ""));
    sliders.push(nameRate);
    return;
  }
  const most = Math.max(lesson.optimizer.settings.learning_rate * 4, 1e-6);
  const made = namedSlider(
    "rate \u03b5",
    [0, most],
    () => state.optimizer.settings.learning_rate,
    (x) => (state.optimizer.settings.learning_rate = Math.max(0, x)),
  );
  $("rate").append(made);
}

/* Say the rate of the step that comes next, where a schedule gives it. */
function nameRate() {
  const { step, settings, scheduled } = state.optimizer;
  const known = scheduled.find(([name]) => name === "learning_rate")[1].length;
  const held = step < known ? "" : ` The page knows the schedule up to step ${known}; then the rate stays.`;
  $("rate").firstChild.textContent =
    `Rate \u03b5 = ${shown(settings.learning_rate)} at step ${step + 1}, by its schedule.${held}`;
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
  const comma = i >= 0 && Math.max(i, j) >= 9 ? "," : "";
  const from = i < 0 ? "" : comma + subscript(i + 1);
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
  markWhole();
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
      state.optimizer = optimizer;
      state.history.push(total(costs(net, passTop(theta, x), y), w));
      state.trained.push(theta[0]);
      left -= 1;
    }
    if (left === 0) {
      render();
      return;
    }
    renderTraining();
    requestAnimationFrame(slice);
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
