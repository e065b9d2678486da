/* What is printed: in place of the step that is shown, all steps with their numbers. */

function renderPaper() {
  let before = "";
  const parts = steps().flatMap((step) => {
    const head = step.section === before ? [] : [element("h3", {}, step.section)];
    before = step.section;
    const equation = element("p", {}, ...equationOf(step));
    const numbers = element("div", { class: "numbers" }, ...sidesOf(step.terms));
    return [...head, element("div", { class: "printed" }, equation, numbers)];
  });
  $("paper").replaceChildren(...parts);
}

window.addEventListener("beforeprint", renderPaper);
window.addEventListener("afterprint", () => $("paper").replaceChildren());
