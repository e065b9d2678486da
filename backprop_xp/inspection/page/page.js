/* The events of the page, and its beginning. */

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
  touched();
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
$("map-output").addEventListener("change", () => {
  const { value } = $("map-output");
  state.output = value === "largest" ? null : Number(value);
  renderMap();
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
  state.optimizer = atStep({ ...optimizerOf(lesson, net.parameters), settings }, 0);
  touched();
  fillSliders();
  render();
});
$("reset").addEventListener("click", () => {
  const { step, unit, weight, inverse, output } = state;
  begin(state.number, { step, unit, weight, inverse, output });
});
window.addEventListener("hashchange", openLink);
narrow.addEventListener("change", render);
window.addEventListener("resize", () => {
  renderNetwork();
  renderTraining();
});

if (!openLink()) begin(0);
