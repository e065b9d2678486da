/* Pictures: the network, the curve of the cost, the decision map. */

const MOST_UNITS = 10; // of a layer that are drawn
const LEAST_GAP = 58; // between layers; a deep network is wider than its box, which scrolls
const EDGE = 26; // from the edge of the picture to the middle of the first layer
const OF_COST_BOX = 46; // the width of the box of E, with a margin

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/* The network with the numbers of the units that are known so far.

   `view` has lit (a set of names such as "W2" and "unit1"), values (a list of {name, numbers} for
   each layer, or null), back (whether the pass goes back), chosen ({layer, unit}, a unit of the view
   by element), E (a text or ""), and choose (called with what is clicked). */
function drawNetwork(box, net, theta, view) {
  const { sizes } = net;
  const drawn = sizes.map((n) => places(n, MOST_UNITS));
  const room = Math.max(280, box.clientWidth || 640);
  const tail = room < 480 ? 36 : 64; // from the middle of the last layer to the box of E
  const around = EDGE + tail + OF_COST_BOX;
  const width = Math.max(room, around + LEAST_GAP * (sizes.length - 1));
  const height = Math.max(...drawn.map((units) => units.length)) * 50 + 40;
  const gap = (width - around) / (sizes.length - 1);
  const radius = Math.min(22, Math.max(17, gap / 3));
  const x = (l) => EDGE + l * gap;
  const y = (l, place) => ((height - 40) / drawn[l].length) * (place + 0.5);
  const lines = [];
  const signals = [];
  const nodes = [];
  net.layers.forEach((layer, k) => {
    const W = weights(net, theta, k + 1);
    const most = W.data.reduce((size, w) => Math.max(size, Math.abs(w)), 1e-12);
    drawn[k + 1].forEach((j, at1) => {
      drawn[k].forEach((i, at0) => {
        if (i === null || j === null) return;
        const w = at(W, j, i);
        const removed = layer.exists && at(layer.exists, j, i) === 0;
        const { chosen } = view;
        const column = chosen && chosen.layer === k && chosen.unit === i;
        const kinds = ["connection"];
        if (w < 0) kinds.push("negative");
        if (removed) kinds.push("removed");
        if (view.lit.has(`W${k + 1}`)) kinds.push("lit");
        if (column) kinds.push("chosen");
        const line = svg("line", {
          class: kinds.join(" "),
          x1: x(k),
          y1: y(k, at0),
          x2: x(k + 1),
          y2: y(k + 1, at1),
          "stroke-width": removed ? 1.5 : 0.8 + (5 * Math.abs(w)) / most,
        });
        const name = `w${raised(k + 1)} from unit ${i + 1} to unit ${j + 1}`;
        line.append(svg("title", {}, `${name}: ${removed ? "removed" : shown(w)}`));
        line.addEventListener("click", () => view.choose({ weight: [k + 1, j, i] }));
        lines.push(line);
        if (view.lit.has(`W${k + 1}`) && !removed) {
          const [x1, y1, x2, y2] = [x(k), y(k, at0), x(k + 1), y(k + 1, at1)];
          signals.push(svg("line", { class: "signal", x1, y1, x2, y2 }));
        }
      });
    });
  });
  drawn.forEach((units, l) => {
    const known = view.values[l];
    const most = known ? known.numbers.reduce((size, v) => Math.max(size, Math.abs(v)), 1e-12) : 1;
    units.forEach((unit, place) => {
      if (unit === null) {
        nodes.push(svg("text", { x: x(l), y: y(l, place) }, "\u22ee"));
        return;
      }
      const kinds = ["unit"];
      if (view.lit.has(`unit${l}`)) kinds.push("lit");
      const { chosen } = view;
      if (chosen && chosen.layer === l && chosen.unit === unit) kinds.push("chosen");
      const node = svg("g", { class: kinds.join(" ") });
      const centre = { cx: x(l), cy: y(l, place), r: radius };
      node.append(svg("circle", centre));
      if (known) {
        const v = known.numbers[unit];
        const tint = svg("circle", { ...centre, class: v < 0 ? "tint negative" : "tint" });
        tint.setAttribute("fill-opacity", (0.4 * Math.abs(v)) / most || 0);
        node.append(tint, textOf(x(l), y(l, place), short(v)));
      }
      const name = l === 0 ? `input ${unit + 1}` : `unit ${unit + 1} of layer ${l}`;
      const value = known ? `: ${known.name} = ${shown(known.numbers[unit], 6)}` : "";
      node.append(svg("title", {}, `${name}${value}`));
      node.addEventListener("click", () => view.choose({ unit: [l, unit] }));
      nodes.push(node);
    });
    const label = known ? known.name : l === 0 ? "x" : `layer ${l}`;
    nodes.push(svg("text", { x: x(l), y: height - 14, class: "label" }, label));
  });
  const cost = svg("g", { class: view.lit.has("E") ? "cost lit" : "cost" });
  const middle = (height - 40) / 2;
  const L = sizes.length - 1;
  drawn[L].forEach((unit, place) => {
    if (unit === null) return;
    const ends = { x1: x(L), y1: y(L, place), x2: width - OF_COST_BOX + 2, y2: middle };
    lines.push(svg("line", { class: "to-cost", ...ends }));
  });
  cost.append(
    svg("rect", { x: width - OF_COST_BOX + 2, y: middle - 20, width: 42, height: 40, rx: 6 }),
    svg("text", { x: width - 23, y: middle - 8 }, "E"),
    textOf(width - 23, middle + 9, view.E),
  );
  const text = `A network of ${sizes.join(", ")} units. ${view.description}`;
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text },
    svg("g", { class: view.back ? "back" : "" }, ...lines, ...signals),
    ...nodes,
    cost,
  );
  if (width > room) picture.style.width = `${width}px`;
  box.replaceChildren(picture);
  const lit = [...view.lit].map((name) => (name === "E" ? width : x(Number(name.replace(/\D/g, "")))));
  if (width > room && lit.length > 0) box.scrollLeft = Math.max(...lit) - room / 2;
}

/* A number in a unit, small where it is long. */
function textOf(x, y, text) {
  return svg("text", { x, y, class: text.length > 4 ? "long" : "" }, text);
}

/* The cost after each step. */
function drawCurve(box, history) {
  const [width, height] = [Math.min(480, Math.max(240, box.clientWidth || 320)), 160];
  const [left, above, below] = [60, 20, 28]; // around the axes
  const finite = history.filter(Number.isFinite);
  const [bottom, top] = [Math.min(0, ...finite), Math.max(...finite, 1e-12)];
  const last = Math.max(1, history.length - 1);
  const x = (k) => left + (k * (width - left - 12)) / last;
  const y = (E) => above + ((top - E) / (top - bottom)) * (height - above - below);
  const points = history
    .map((E, k) => (Number.isFinite(E) ? `${x(k)},${y(E)}` : ""))
    .filter((point) => point);
  const label = `Cost E after each step: from ${shown(history[0])} to ${shown(history.at(-1))}`;
  box.replaceChildren(
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      svg("path", { class: "axis", d: `M${left},${above}V${height - below}H${width - 12}` }),
      svg("polyline", { class: "curve", points: points.join(" ") }),
      ...(finite.length > 0
        ? [svg("circle", { class: "end-of-curve", cx: x(history.length - 1), cy: y(finite.at(-1)), r: 3 })]
        : []),
      svg("text", { class: "start", x: left - 4, y: 8 }, "E"),
      svg("text", { class: "end", x: left - 6, y: above }, shown(top, 3)),
      svg("text", { class: "end", x: left - 6, y: height - below }, shown(bottom, 3)),
      svg("text", { x: left, y: height - 12 }, "0"),
      svg("text", { class: "end", x: width - 12, y: height - 12 }, `step ${history.length - 1}`),
    ),
  );
}

const HUES = [
  [31, 102, 193],
  [200, 90, 20],
  [30, 130, 90],
  [140, 60, 170],
  [160, 140, 20],
  [190, 40, 90],
  [40, 160, 180],
  [110, 110, 110],
  [110, 70, 30],
  [230, 140, 170],
];

const GREY = [200, 200, 200]; // where an output is not a number

function inCSS(colour) {
  return `rgb(${colour.join(" ")})`;
}

/* One output for each pair of inputs, or the place of the largest output where `output` is null. The
   range is that of the cases, and a margin. */
function drawMap(canvas, net, theta, { X, Y, output }) {
  const cells = 52;
  const most = (row) => 1.5 * Math.max(1, ...row.map(Math.abs));
  const [wide, high] = [most(X.data.slice(0, X.m)), most(X.data.slice(X.m))];
  const grid = byCase(2, cells * cells, (k) => [
    wide * ((2 * ((k % cells) + 0.5)) / cells - 1),
    high * (1 - (2 * (Math.floor(k / cells) + 0.5)) / cells),
  ]);
  let a = grid;
  for (let l = 1; l <= net.layers.length; l += 1) {
    a = activated(net, l, weightedInput(net, theta, l, a));
  }
  const context = canvas.getContext("2d");
  const side = canvas.width / cells;
  const drawn = output === null ? a.data : a.data.slice(output * a.m, (output + 1) * a.m);
  const finite = drawn.filter(Number.isFinite);
  const [low, top] = [Math.min(0, ...finite), Math.max(1, ...finite)];
  const colour = (values) => {
    if (values.some(Number.isNaN)) return GREY;
    if (output !== null) {
      const share = Math.min(1, Math.max(0, (values[output] - low) / (top - low)));
      const [from, to] = HUES;
      return from.map((_, k) => Math.round(to[k] + share * (from[k] - to[k])));
    }
    const best = values.indexOf(Math.max(...values));
    return HUES[best % HUES.length];
  };
  for (let k = 0; k < cells * cells; k += 1) {
    context.fillStyle = inCSS(colour(column(a, k)));
    const [left, above] = [(k % cells) * side, Math.floor(k / cells) * side];
    context.fillRect(left, above, side + 0.5, side + 0.5);
  }
  for (let c = 0; c < X.m; c += 1) {
    const left = (canvas.width * (at(X, 0, c) / wide + 1)) / 2;
    const above = (canvas.height * (1 - at(X, 1, c) / high)) / 2;
    context.beginPath();
    context.arc(left, above, X.m > 20 ? 3 : 6, 0, 2 * Math.PI);
    context.fillStyle = inCSS(colour(column(Y, c)));
    context.fill();
    context.lineWidth = X.m > 20 ? 1 : 2;
    context.strokeStyle = "white";
    context.stroke();
  }
  return { wide, high, low, top };
}
