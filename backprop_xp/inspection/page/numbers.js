/* Numbers as elements of the page: matrices, lists, sums. */

const MOST = 6; // rows and columns of a matrix that are shown
const narrow = window.matchMedia("(max-width: 30rem)"); // a phone: fewer columns and digits

/* An element with attributes and children; a text child is text, never markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/* A number with `digits` significant digits; one that has many zeros, with an exponent. */
function shown(x, digits = 4) {
  if (!Number.isFinite(x)) {
    return Number.isNaN(x) ? "nan" : x > 0 ? "\u221e" : "\u2212\u221e";
  }
  const rounded = Number(x.toPrecision(digits)) + 0;
  const size = Math.abs(rounded);
  const plain = size === 0 || (size >= 1e-4 && size < 1e6);
  return (plain ? String(rounded) : rounded.toExponential()).replaceAll("-", "\u2212").replace("+", "");
}

/* A number in at most `most` signs: with fewer digits, or else with an exponent. */
function within(x, most, digits) {
  for (let k = digits; k > 0; k -= 1) {
    if (shown(x, k).length <= most) return shown(x, k);
  }
  return x.toExponential(0).replaceAll("-", "\u2212").replace("+", "");
}

/* A number for a unit of the drawing. */
function short(x) {
  return within(x, 5, 2);
}

/* A number for a matrix on a phone. */
function shortened(x) {
  return within(x, 7, 3);
}

const INDEXED = /(?<![\p{L}\p{N}_])(\p{L}\p{No}*_[\p{L}\p{N}]{1,2})(?![\p{L}\p{N}_])/u;

/* A text in which w_jK stands for w with jK below, as parts of an element; no line breaks within a
   derivative. */
function prose(text) {
  const parts = text.replaceAll("/\u2202", "/\u2060\u2202").split(INDEXED);
  return parts.flatMap((part, k) => {
    if (k % 2 === 0) return part;
    const [letter, below] = part.split("_");
    return [letter, element("sub", {}, below)];
  });
}

/* A number for a list or a matrix. */
function fitting(x) {
  return narrow.matches ? shortened(x) : shown(x);
}

function inBrackets(x) {
  return x < 0 ? `(${shown(x)})` : shown(x);
}

/* The places from 0 to n that are shown; null stands for all others. */
function places(n, most = MOST) {
  const all = Array.from({ length: n }, (_, k) => k);
  if (n <= most + 1) return all;
  return [...all.slice(0, Math.ceil(most / 2)), null, ...all.slice(n - Math.floor(most / 2))];
}

function dots(i, j) {
  if (i === null) return j === null ? "\u22f1" : "\u22ee";
  return "\u2026";
}

function isNumber(A) {
  return A.n === 1 && A.m === 1;
}

/* A matrix, with dots for what is left out; `marked(i, j)` tells which numbers are marked. */
function matrixElement(A, marked = () => false) {
  if (isNumber(A)) {
    return element("span", {}, inBrackets(A.data[0]));
  }
  const columns = places(A.m, narrow.matches ? 4 : MOST);
  const rows = places(A.n).map((i) =>
    element(
      "tr",
      {},
      ...columns.map((j) => {
        const left = i === null || j === null;
        const text = left ? dots(i, j) : fitting(at(A, i, j));
        return element("td", { class: !left && marked(i, j) && "marked" }, text);
      }),
    ),
  );
  return element("table", { class: "matrix", title: `${A.n} \u00d7 ${A.m}` }, ...rows);
}

/* A table with a head. */
function listElement(head, rows) {
  const cells = (tag, row) =>
    row.map((x) => element(tag, tag === "th" ? { scope: "col" } : {}, String(x)));
  return element(
    "table",
    { class: "list" },
    element("thead", {}, element("tr", {}, ...cells("th", head))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row)))),
  );
}

const RAISED = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";

function raised(number) {
  return [...String(number)].map((digit) => RAISED[digit]).join("");
}

function subscript(number) {
  return [...String(number)].map((digit) => String.fromCharCode(0x2080 + Number(digit))).join("");
}

/* A letter of the notation in MathML, with indices of units below and of a layer above. */
function symbol(letter, below, layer) {
  const indices = [...below].map(
    (one) => `<m${one > 0 ? "n" : "i"}>${one}</m${one > 0 ? "n" : "i"}>`,
  );
  const sub = `<mrow>${indices.join("<mo>,</mo>")}</mrow>`;
  const base = `<mi>${letter}</mi>`;
  return layer === ""
    ? `<msub>${base}${sub}</msub>`
    : `<msubsup>${base}${sub}<mn>${layer}</mn></msubsup>`;
}

/* MathML of the data: it holds equations of the library, and no text of a user. */
function math(markup) {
  const made = element("span");
  made.innerHTML = markup;
  return made;
}
