"use strict";

/* Both passes of a network, written as the equations are. A matrix is {n, m, data}, row by row, with
   a column for each case. `functions` holds the activations, losses and optimisers. */

function matrix(n, m, data = new Float64Array(n * m)) {
  return { n, m, data };
}

function at(A, i, j) {
  return A.data[i * A.m + j];
}

function column(A, j) {
  return Float64Array.from({ length: A.n }, (_, i) => at(A, i, j));
}

function transpose(A) {
  const T = matrix(A.m, A.n);
  for (let i = 0; i < A.n; i += 1) {
    for (let j = 0; j < A.m; j += 1) {
      T.data[j * A.n + i] = A.data[i * A.m + j];
    }
  }
  return T;
}

function product(A, B) {
  const C = matrix(A.n, B.m);
  for (let i = 0; i < A.n; i += 1) {
    for (let k = 0; k < A.m; k += 1) {
      const factor = A.data[i * A.m + k];
      for (let j = 0; j < B.m; j += 1) {
        C.data[i * B.m + j] += factor * B.data[k * B.m + j];
      }
    }
  }
  return C;
}

function elementwise(A, B, operation) {
  return matrix(
    A.n,
    A.m,
    A.data.map((x, k) => operation(x, B.data[k])),
  );
}

/* The matrix whose column for each case is what `compute` returns for that case. */
function byCase(n, m, compute) {
  const A = matrix(n, m);
  for (let j = 0; j < m; j += 1) {
    const found = compute(j);
    for (let i = 0; i < n; i += 1) {
      A.data[i * m + j] = found[i];
    }
  }
  return A;
}

/* A network of a lesson: sizes, masks of existing connections (or null), and its functions. */
function networkOf(lesson) {
  const { sizes } = lesson;
  const layers = sizes.slice(1).map((n, k) => ({ n, nIn: sizes[k] }));
  let start = 0;
  for (const [k, layer] of layers.entries()) {
    layer.W = start;
    layer.b = start + layer.n * layer.nIn;
    start = layer.b + layer.n;
    layer.exists = lesson.exists[k] && matrix(layer.n, layer.nIn, unpacked(lesson.exists[k]));
    const { value, slope, vjp } = lesson.functions.activations[k];
    layer.sigma = functions[value];
    layer.slope = functions[slope];
    layer.vjp = functions[vjp];
  }
  const [cost, error, slopes] = ["cost", "error", "slopes"].map(
    (name) => functions[lesson.functions[name]],
  );
  return { sizes, layers, parameters: start, cost, error, slopes, biases: lesson.biases };
}

/* Numbers from base64: float64, little-endian. */
function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 8 }, (_, k) => view.getFloat64(8 * k, true));
}

function packed(numbers) {
  const view = new DataView(new ArrayBuffer(8 * numbers.length));
  numbers.forEach((x, k) => view.setFloat64(8 * k, x, true));
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
}

function weights(net, theta, l) {
  const { n, nIn, W, b } = net.layers[l - 1];
  return matrix(n, nIn, theta.subarray(W, b));
}

function biases(net, theta, l) {
  const { n, b } = net.layers[l - 1];
  return matrix(n, 1, theta.subarray(b, b + n));
}

/* z of a layer, counted from 1: W a + b. */
function weightedInput(net, theta, l, aPrev) {
  const z = product(weights(net, theta, l), aPrev);
  const b = biases(net, theta, l);
  z.data.forEach((x, k) => {
    z.data[k] = x + b.data[Math.floor(k / z.m)];
  });
  return z;
}

function activated(net, l, z) {
  const { sigma } = net.layers[l - 1];
  return byCase(z.n, z.m, (c) => sigma(column(z, c)));
}

function slopesOf(net, l, z, a) {
  const { slope } = net.layers[l - 1];
  return slope ? byCase(z.n, z.m, (c) => slope(column(z, c), column(a, c))) : null;
}

/* The costs of the cases, from z of the last layer. */
function costs(net, z, y) {
  return Float64Array.from({ length: z.m }, (_, c) => net.cost(column(z, c), column(y, c)));
}

function total(E_c, w) {
  return E_c.reduce((sum, x, c) => sum + w[c] * x, 0);
}

/* E from z of a layer upward, with all the layers above it. */
function costFrom(net, theta, l, z, y, w) {
  let above = z;
  for (let k = l; k < net.layers.length; k += 1) {
    above = weightedInput(net, theta, k + 1, activated(net, k, above));
  }
  return total(costs(net, above, y), w);
}

/* Every quantity of a pass forward and back, in lists whose index is the layer, from 0 for x. */
function passOf(net, theta, x, y, w) {
  const L = net.layers.length;
  const found = { theta, x, y, w, z: [null], a: [x], delta: [], dE_da: [], da_dz: [] };
  for (let l = 1; l <= L; l += 1) {
    found.z.push(weightedInput(net, theta, l, found.a[l - 1]));
    found.a.push(activated(net, l, found.z[l]));
  }
  const [zL, aL] = [found.z[L], found.a[L]];
  found.E_c = costs(net, zL, y);
  found.E = total(found.E_c, w);
  found.dE_c = byCase(y.n, y.m, (c) => net.slopes(column(aL, c), column(y, c)));
  found.delta[L] = byCase(y.n, y.m, (c) =>
    net.error(column(zL, c), column(aL, c), column(y, c), w[c]),
  );
  found.dE_da[L] = byCase(y.n, y.m, (c) => column(found.dE_c, c).map((s) => w[c] * s));
  found.da_dz[L] = slopesOf(net, L, zL, aL);
  for (let l = L - 1; l >= 0; l -= 1) {
    found.dE_da[l] = product(transpose(weights(net, theta, l + 1)), found.delta[l + 1]);
    if (l === 0) break;
    const { vjp } = net.layers[l - 1];
    const [z, a, dE_da] = [found.z[l], found.a[l], found.dE_da[l]];
    found.da_dz[l] = slopesOf(net, l, z, a);
    found.delta[l] = vjp
      ? byCase(z.n, z.m, (c) => vjp(column(dE_da, c), column(a, c)))
      : elementwise(dE_da, found.da_dz[l], (slope, da) => slope * da);
  }
  found.gradient = gradientOf(net, found);
  return found;
}

/* The derivatives of E by all parameters, in their order in theta. */
function gradientOf(net, { a, delta }) {
  const gradient = new Float64Array(net.parameters);
  net.layers.forEach(({ W, b, exists }, k) => {
    const dE_dW = product(delta[k + 1], transpose(a[k]));
    gradient.set(exists ? elementwise(exists, dE_dW, (e, g) => e * g).data : dE_dW.data, W);
    const ones = matrix(delta[k + 1].m, 1).data.fill(1);
    gradient.set(product(delta[k + 1], matrix(ones.length, 1, ones)).data, b);
  });
  return gradient;
}

/* An optimiser of a lesson at its first step. */
function optimizerOf({ optimizer }, parameters) {
  const state = optimizer.state.map((x) =>
    Array.isArray(x) ? x[0] : new Float64Array(parameters).fill(x),
  );
  const scheduled = Object.entries(optimizer.scheduled).map(([name, text]) => [name, unpacked(text)]);
  const made = { update: functions[optimizer.update], state, scheduled };
  return atStep({ ...made, settings: { ...optimizer.settings } }, 0);
}

/* An optimiser with the scheduled numbers of a step; after the last one that is known they stay. */
function atStep(optimizer, step) {
  const { scheduled } = optimizer;
  const now = scheduled.map(([name, x]) => [name, x[Math.min(step, x.length - 1)]]);
  return { ...optimizer, step, settings: { ...optimizer.settings, ...Object.fromEntries(now) } };
}

/* Theta and the state of the optimiser after a step; what came is left as it is. */
function stepped(net, optimizer, theta, gradient) {
  const { update, state, settings } = optimizer;
  const made = update(theta, gradient, ...state, ...Object.values(settings));
  const [next, ...nextState] = Array.isArray(made) ? made : [made];
  if (!net.biases) {
    net.layers.forEach(({ n, b }) => next.set(theta.subarray(b, b + n), b));
  }
  return { theta: next, optimizer: atStep({ ...optimizer, state: nextState }, optimizer.step + 1) };
}

/* Theta anew: uniform numbers between -1 and 1 from a seed, by the generator mulberry32. */
function drawn(net, seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
  const theta = Float64Array.from({ length: net.parameters }, uniform);
  for (const { n, nIn, W, b, exists } of net.layers) {
    for (let k = 0; exists && k < n * nIn; k += 1) theta[W + k] *= exists.data[k];
    if (!net.biases) theta.fill(0, b, b + n);
  }
  return theta;
}

/* The size of a nudge of x. */
function nudgeOf(x) {
  return 1e-5 * Math.max(1, Math.abs(x));
}

/* A central difference of E by z of unit `unit` in a layer, for one case. */
function nudged(net, pass, l, unit, c, h = nudgeOf(at(pass.z[l], unit, c))) {
  const cost = (sign) => {
    const z = matrix(pass.z[l].n, pass.z[l].m, pass.z[l].data.slice());
    z.data[unit * z.m + c] += sign * h;
    return costFrom(net, pass.theta, l, z, pass.y, pass.w);
  };
  return (cost(1) - cost(-1)) / (2 * h);
}

/* A central difference of E by a of unit `unit` in a layer below the last, 0 for the inputs. */
function nudgedActivation(net, pass, l, unit, c, h = nudgeOf(at(pass.a[l], unit, c))) {
  const cost = (sign) => {
    const a = matrix(pass.a[l].n, pass.a[l].m, pass.a[l].data.slice());
    a.data[unit * a.m + c] += sign * h;
    const z = weightedInput(net, pass.theta, l + 1, a);
    return costFrom(net, pass.theta, l + 1, z, pass.y, pass.w);
  };
  return (cost(1) - cost(-1)) / (2 * h);
}

/* The solution of A x = b by elimination with pivots; null where A is singular. */
function solved(A, b) {
  const { n } = A;
  const rows = Array.from({ length: n }, (_, i) => [...A.data.subarray(i * n, i * n + n), b[i]]);
  const scale = Math.max(...A.data.map(Math.abs));
  for (let k = 0; k < n; k += 1) {
    let pivot = k;
    for (let i = k + 1; i < n; i += 1) {
      if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    }
    if (!(Math.abs(rows[pivot][k]) > 1e-12 * scale)) return null;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = k + 1; i < n; i += 1) {
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j += 1) rows[i][j] -= factor * rows[k][j];
    }
  }
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i -= 1) {
    let rest = rows[i][n];
    for (let j = i + 1; j < n; j += 1) rest -= rows[i][j] * x[j];
    x[i] = rest / rows[i][i];
  }
  return x;
}

/* W^-1 delta, or with the pseudo-inverse where W is not square; null where W has not full rank. */
function inverseTimes(W, delta) {
  const T = transpose(W);
  if (W.n === W.m) return solved(W, delta);
  if (W.n > W.m) return solved(product(T, W), product(T, matrix(W.n, 1, delta)).data);
  const x = solved(product(W, T), delta);
  return x && product(T, matrix(W.n, 1, x)).data;
}

/* The factors of the error of a canonical pair, multiplied out for the first case. */
function chainRule(net, pass) {
  const L = net.layers.length;
  const [z, a] = [column(pass.z[L], 0), column(pass.a[L], 0)];
  const slopes = matrix(a.length, 1, column(pass.dE_c, 0));
  const { slope, vjp } = net.layers[L - 1];
  if (slope) {
    const jacobian = matrix(a.length, 1, slope(z, a));
    return { slopes, jacobian, result: elementwise(slopes, jacobian, (x, y) => x * y) };
  }
  const jacobian = matrix(a.length, a.length);
  a.forEach((_, i) => {
    const unit = a.map((__, k) => Number(k === i));
    jacobian.data.set(vjp(unit, a), i * a.length);
  });
  return { slopes, jacobian, result: product(transpose(jacobian), slopes) };
}

/* The matrix that a step of the page names: "W2", "W2.T", "delta2", "a-y", "new.W1", ... */
function quantity(net, optimizer, pass, name) {
  if (name.endsWith(".T")) {
    return transpose(quantity(net, optimizer, pass, name.slice(0, -2)));
  }
  const [, prefix, kind, digits] = /^(why\.|new\.|change\.)?([A-Za-z_-]+?)(\d*)$/.exec(name);
  const l = Number(digits);
  if (prefix === "why.") return chainRule(net, pass)[kind];
  if (prefix) {
    const before = quantity(net, optimizer, pass, `${kind}${l}`);
    const { theta } = stepped(net, optimizer, pass.theta, pass.gradient);
    const after = kind === "W" ? weights(net, theta, l) : biases(net, theta, l);
    return prefix === "new." ? after : elementwise(after, before, (x, y) => x - y);
  }
  const L = net.layers.length;
  switch (kind) {
    case "W":
      return weights(net, pass.theta, l);
    case "b":
      return biases(net, pass.theta, l);
    case "M":
      return net.layers[l - 1].exists;
    case "dE_dW":
      return weights(net, pass.gradient, l);
    case "dE_db":
      return biases(net, pass.gradient, l);
    case "a-y":
      return elementwise(pass.a[L], pass.y, (x, y) => x - y);
    case "y":
      return pass.y;
    case "w":
      return matrix(1, pass.w.length, pass.w);
    case "E":
      return matrix(1, 1, Float64Array.of(pass.E));
    case "E_c":
      return matrix(pass.E_c.length, 1, pass.E_c);
    case "dE_c":
      return pass.dE_c;
    case "dE_dx":
      return pass.dE_da[0];
    case "rate":
      return matrix(1, 1, Float64Array.of(optimizer.settings.learning_rate));
    case "sum_y":
      return byCase(1, pass.y.m, (c) => [column(pass.y, c).reduce((sum, t) => sum + t, 0)]);
    default:
      return pass[kind][l];
  }
}
