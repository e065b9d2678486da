"""Networks for the interactive page, and their numbers as the scripts of the page compute them."""

import itertools
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.inspection.page.document import data_text, script_text
from backprop_xp.inspection.page.functions import Functions
from backprop_xp.inspection.page.lessons import lesson
from backprop_xp.inspection.page.stories import Story
from backprop_xp.losses import LOSSES

COMPUTE = """
const made = lessons.map((lesson) => {
  const net = networkOf(lesson);
  const theta = unpacked(lesson.theta);
  const m = lesson.cases.length;
  const x = transpose(matrix(m, net.sizes[0], unpacked(lesson.X)));
  const y = transpose(matrix(m, net.sizes.at(-1), unpacked(lesson.Y)));
  const w = unpacked(lesson.w);
  const pass = passOf(net, theta, x, y, w);
  let optimizer = optimizerOf(lesson, net.parameters);
  let now = theta;
  for (let k = 0; k < 3; k += 1) {
    ({ theta: now, optimizer } = stepped(net, optimizer, now, passOf(net, now, x, y, w).gradient));
  }
  const list = (A) => A && Array.from(A.data);
  return {
    E: pass.E, E_c: Array.from(pass.E_c), gradient: Array.from(pass.gradient),
    z: pass.z.map(list), a: pass.a.map(list), delta: pass.delta.map(list),
    dE_dx: list(pass.dE_da[0]), after: Array.from(now),
    nudged: net.sizes.slice(1).map((n, k) => nudged(net, pass, k + 1, n - 1, 0)),
    terms: (lesson.steps.at(-1)?.steps ?? []).map((step) => step.terms.filter((t) => t.name).map(
      (t) => { const A = quantity(net, optimizerOf(lesson, net.parameters), pass, t.name);
               return [A.n, A.m, Array.from(A.data)]; })),
  };
});
console.log(JSON.stringify(made, (_, x) => typeof x === "number" && !Number.isFinite(x)
  ? String(x) : x));
"""


def random_networks():
    """Traces of every output activation with every loss, hidden activations and optimisers."""
    rng = np.random.default_rng(0)
    hidden, made = list(ACTIVATIONS), {}
    rates = bp.SGD(0.1), bp.SGD(0.1, momentum=0.9), bp.Adam(0.01), bp.RMSprop(0.01), bp.AdamW()
    for output in ACTIVATIONS:
        for loss in LOSSES:
            k = len(made)
            sizes = [2 + k % 3, 3 + k % 4, 2 + k % 2, 1 + k % 3][: 4 - (k % 5 == 0)]
            mask = [(rng.random((n, m)) < 0.8).astype(float) for m, n in itertools.pairwise(sizes)]
            below = tuple(hidden[(k + j) % len(hidden)] for j in range(len(sizes) - 2))
            net = bp.Network(sizes, below, output, loss, connections=mask if k % 4 == 0 else None)
            m = 1 + k % 4
            X, Y = rng.normal(size=(m, sizes[0])), rng.uniform(0.1, 0.9, (m, sizes[-1]))
            w = None if k % 2 else rng.random(m)
            theta = net.init(k, dtype="float64")
            theta += rng.uniform(-0.3, 0.3, theta.shape)  # units without inputs are not at kinks
            made[f"{output} {loss}"] = bp.trace(net, theta, X, Y, w, optimizer=rates[k % 5])
    return made


def computed(traces):
    """Return the numbers of each trace as the scripts compute them in Node."""
    node = shutil.which("node")
    if node is None:
        if "node" in os.environ.get("BACKPROP_XP_REQUIRE", "").split(","):
            pytest.fail("node is not installed")
        pytest.skip("node is not installed")
    functions = Functions()
    lessons = [lesson(Story("", "", one), functions) for one in traces]
    script = script_text(functions, ("network.js",))
    text = f"{script}\nconst lessons = {data_text(lessons)};\n{COMPUTE}"
    done = subprocess.run([node, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def xor(optimizer=None, **options):
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    return bp.trace(net, net.init(1, dtype="float64"), X, Y, optimizer=optimizer, **options)


def numbers_in(page, where="#numbers"):
    """Return the numbers that are shown, in order."""
    texts = page.locator(f"{where} td, {where} span").all_text_contents()
    found = []
    for text in texts:
        try:
            found.append(float(text.strip("()").replace("−", "-")))
        except ValueError:
            continue
    return found


def set_number(page, name, value):
    box = page.get_by_label(f"{name}, as a number", exact=True)
    box.fill(str(value))
    box.dispatch_event("change")


def as_shown(x, digits):
    """Return a number as the page shows it, with the sign − and without zeros at the end."""
    number = float(f"{float(x):.{digits}g}")
    if number and not 1e-4 <= abs(number) < 1e6:
        mantissa, e, exponent = f"{number:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa}{e}{int(exponent)}"
    else:
        text = np.format_float_positional(number, trim="-")
    return text.replace("-", "−")
