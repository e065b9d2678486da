/* A link that carries the state. */

function linkOf() {
  const carried = {
    n: state.number,
    s: state.step,
    c: state.case,
    u: state.unit,
    v: state.weight,
    i: state.inverse,
    r: state.optimizer.settings.learning_rate,
    o: state.optimizer.step,
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
  let begun = false;
  try {
    const carried = JSON.parse(atob(decodeURIComponent(location.hash.slice(1))));
    const numbers = (text, n) => {
      const found = unpacked(text);
      if (found.length !== n) throw new RangeError("another network");
      return found;
    };
    if (!Number.isInteger(carried.n) || !lessons[carried.n]) return false;
    begin(carried.n);
    begun = true;
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
    if (carried.t && Number.isInteger(carried.o) && carried.o >= 0) {
      state.optimizer = atStep(state.optimizer, carried.o);
    }
    if (carried.r >= 0 && !isScheduled("learning_rate")) state.optimizer.settings.learning_rate = carried.r;
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
    touched();
    fillControls();
    render();
    return true;
  } catch {
    if (begun) begin(state.number); // without what was carried so far
    return begun;
  }
}
