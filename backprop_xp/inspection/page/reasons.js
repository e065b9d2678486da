/* Why each equation holds, in a sentence or two, and all of them as a list. */

/* The reason for an error: of a product by unit, or of the whole Jacobian. */
function reasonOfError(layer) {
  if (layer === net.layers.length && !pairHasFactors()) {
    const proved = steps().some(({ terms }) => terms.at(-1).name.startsWith("why."));
    return (
      "\u03b4, the error, is \u2202E/\u2202z. Here it is the slope of the cost by a, times the slope of a by z, and " +
      `the two multiply out to this difference.${proved ? " The section after this one shows how." : ""}`
    );
  }
  if (pass.da_dz[layer]) {
    return (
      `\u03b4, the error, is \u2202E/\u2202z. z of a unit changes its own a alone, so the chain rule multiplies unit ` +
      `by unit: this is \u2299, the Hadamard product. As a matrix, \u2202a/\u2202z is diagonal, ` +
      `with \u03c3\u2032(z) on the diagonal; its product with \u2202E/\u2202a is the same.`
    );
  }
  return (
    "\u03b4, the error, is \u2202E/\u2202z. Each a of this layer depends on every z of the layer. \u2202a/\u2202z is " +
    "not diagonal, so its transpose stands here in place of \u2299."
  );
}

/* Whether a step computes the error of the outputs from two factors. */
function pairHasFactors() {
  return steps().some(({ terms }) => /^(dE_c$|dE_da)/.test(terms.at(-1).name) && ofLastLayer(terms));
}

function ofLastLayer(terms) {
  const { kind, layer } = partsOf(terms.at(-1).name);
  return kind === "dE_c" || layer === net.layers.length;
}

const REASONS = {
  y: () => "The targets: the outputs that are wanted.",
  "a-y": () => "How far each output is from its target.",
  z: (l) =>
    `Each unit adds up the activations below it, each times its weight, and its bias.` +
    (l === 1 ? " a\u2070 are the inputs x." : ""),
  a: (l) =>
    net.layers[l - 1].slope
      ? "\u03c3 is applied to each z alone."
      : "Each activation depends on every z of the layer.",
  E: () =>
    "The cost is one number. The pass back finds, for each number before it, how fast the cost " +
    "changes with it.",
  dE_c: () => "The slope of the cost by each output: the pass back begins here.",
  dE_da: (l) =>
    l === net.layers.length
      ? REASONS.dE_c()
      : `Unit K acts on the cost through every unit j above it, and w_jK is the slope of z_j ` +
        `by a_K. The sum over j runs down column K of W${raised(l + 1)}, ` +
        "which is row K of the transpose.",
  delta: reasonOfError,
  dE_dW: (l) =>
    `z_j holds the product w_jk a_k, so the derivative by w_jk is \u03b4_j a_k. ` +
    `The column \u03b4${raised(l)} times the row of the activations below holds all these products` +
    (pass.x.m > 1 ? ", summed over the cases." : ".") +
    (net.layers[l - 1].exists ? " M is 0 where a connection is removed, which has no weight to change." : ""),
  dE_db: () =>
    "b_j is added to z_j, so the derivative by b_j is \u03b4_j" +
    (pass.x.m > 1 ? ", summed over the cases." : "."),
  dE_dx: () => "The same equation once more: how the cost changes with each input.",
  update: (ownStep) =>
    ownStep
      ? `\u0394 is the step that ${lesson.optimizer.name} makes of the gradient. The cost falls if it is small.`
      : "The parameters move against the gradient. The cost falls if the step is small.",
};

/* The chain rule of a canonical pair, multiplied out. */
const REASONS_OF_PAIR = {
  "why.slopes": (of) => `The first factor: the slope of the cost by each output${of}.`,
  "why.jacobian": (of) =>
    net.layers.at(-1).slope
      ? `The second factor: the slope of each output by its own z${of}.`
      : `The second factor: the slope of each output by every z, as each depends on all of them${of}.`,
  "why.result": (of) =>
    `Their product is the difference${of}. The pass computes the difference at once, since a division ` +
    "by a small a would lose digits.",
};

function reasonOf({ terms }) {
  const { name } = terms.at(-1);
  if (/^(new|change)\./.test(name)) {
    return REASONS.update(terms.some((term) => term.name && term.name.startsWith("change.")));
  }
  if (name.startsWith("why.")) {
    return REASONS_OF_PAIR[name](pass.x.m > 1 ? ", for the first case" : "");
  }
  const { kind, layer } = partsOf(name);
  return kind in REASONS ? REASONS[kind](layer) : "";
}

/* The shapes of the arrays of a step: its result, and that from which it is computed. */
function shapesOf({ terms }) {
  const sides = [[]];
  for (const { sign, name } of terms) {
    if (sign && sign.includes("<mo>=</mo>")) sides.push([]);
    if (!name || name === "rate") continue;
    const { n, m } = quantity(net, state.optimizer, pass, name);
    sides.at(-1).push(`${n}\u00d7${m}`);
  }
  const filled = sides.filter((side) => side.length > 0).map((side) => side.join(", "));
  return filled.length > 1 ? `${filled.at(-1)} from ${filled[0]}` : filled[0];
}

let listedAs = "";

/* All equations of the pass up to the update, each as a button that leads to its step. */
function renderWhole() {
  const key = [state.number, state.case === null].join();
  if (key !== listedAs || $("whole").firstChild === null) {
    listedAs = key;
    const items = steps().flatMap((step, k) => {
      if (step.terms.at(-1).name.startsWith("why.")) return [];
      const button = element("button", { class: "equation", "data-step": k });
      button.append(math(step.equation), element("small", {}, shapesOf(step)));
      button.addEventListener("click", () => goTo(k));
      return [element("li", {}, button)];
    });
    $("whole").replaceChildren(element("ol", {}, ...items));
  }
  markWhole();
}

function markWhole() {
  for (const button of $("whole").querySelectorAll("button")) {
    if (Number(button.dataset.step) === state.step) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  }
}
