/* The state of the page: a lesson, its numbers, and what is shown of them. */

const lessons = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const MOST_LINKED = 600; // parameters that a link carries
const MOST_INVERTED = 1e7; // multiplications of a product of W and its transpose

let lesson;
let net;
let state;
let pass;

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
    untouched: true,
    unit: [Math.max(0, net.layers.length - 1), 0],
    chosen: lesson.startsAt !== "",
    inverse: net.layers.length,
    weight: [1, 0, 0],
    output: lesson.activations.at(-1) === "softmax" ? null : 0,
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

/* Begin the curve of the cost anew, since a number was changed by hand. */
function touched() {
  state.history = [];
  state.trained = [];
  state.untouched = false;
}

function written() {
  return state.case === null ? lesson.steps.at(-1) : lesson.steps[0];
}

function isScheduled(name) {
  return state.optimizer.scheduled.some(([scheduled]) => scheduled === name);
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
