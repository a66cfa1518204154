// The verdicts of ebm_ref, from FORMAT.md alone: node judge.mjs VECTORS.jsonl ANSWERS.jsonl [float32]
//
// A line of ANSWERS is {"id", "value", "gradients"?: {argument: array}} or {"id", "error"}; a line of the
// output is [id, output, verdict], with "" for the output where there is no answer that could be judged.
import { readFileSync } from "node:fs";

const [vectorsFile, answersFile, dtype = "float64"] = process.argv.slice(2);
const single = dtype === "float32";
const [u, eta, smallest] = single ? [2 ** -24, 2 ** -149, 2 ** -126] : [2 ** -53, 2 ** -1074, 2 ** -1022];

const words = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const read = (line) => JSON.parse(line, (key, x) => (typeof x === "string" && Object.hasOwn(words, x) ? words[x] : x));
const lines = (file) => readFileSync(file, "utf8").split("\n").filter((line) => line);
const flat = (x) => (Array.isArray(x) ? x.flatMap(flat) : [x]);
const shape = (x) => (Array.isArray(x) ? [x.length, ...(x.length ? shape(x[0]) : [])] : []);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const of = (part, output) => (output === "value" ? part.value : part.gradients[output]);
const isIndex = (line) => !/[.e"]/.test(line.match(/"value": (.*?), "gradients"/)[1]); // whole numbers

function beyond(x, low, high) {
  const error = Math.max(low - x, x - high, 0);
  return Number.isNaN(error) ? Infinity : error;
}

function verdictOf(vector, output, answer, line) {
  const [inputs, x, side] = [Object.values(vector.inputs), flat(answer), vector.kinks?.[dtype]];
  const f = flat(of(vector, output)).map(single ? Math.fround : Number);
  if (output === "value" && isIndex(line))
    return x.every((x_i, i) => (side ? side.value.includes(x_i) : x_i === f[i])) ? "match" : "mismatch";
  const n = Math.max(1, ...inputs.map((a) => flat(a).length));
  const M = Math.max(1, ...[...f, ...flat(inputs)].filter(Number.isFinite).map(Math.abs));
  const known = (name) => flat(output === "value" ? vector[name] : vector[`gradient_${name}s`][output]);
  const substitute = (v) => Math.max(1, Math.min(Number.MAX_VALUE, Number.isNaN(v) ? 0 : Math.abs(v)));
  const [C, S] = vector.condition !== null ? [known("condition"), known("size")] : [f.map(substitute), f.map(() => M)];
  const [low, high] = side ? of(side, output).map(flat) : [f, f];
  const found = x.map((x_i, i) => { // an error and its bounds
    const same = x_i === f[i] || (Number.isNaN(x_i) && Number.isNaN(f[i]));
    return [same ? 0 : beyond(x_i, Math.min(f[i], low[i]), Math.max(f[i], high[i])), C[i], S[i]];
  });
  const sums = side && output !== "value" ? side.sums[output].map(flat) : [[], []];
  const size = flat(vector.inputs[output] ?? []).length;
  sums[0].forEach((least, i) => { // the entries of a gradient near a corner, added up
    const row = (numbers) => sum(numbers.slice(i * size, (i + 1) * size));
    const added = (bounds) => row(x.map(Math.abs)) + row(bounds);
    found.push([beyond(row(x), least, sums[1][i]), added(C), added(S)]);
  });
  if (found.every(([error, c]) => error / (8 * (u * c + eta)) <= 1)) return "match";
  return found.every(([error, , s]) => error / (8 * n * (u * s + smallest)) <= 1) ? "imprecise" : "mismatch";
}

function* judged(vector, answer, line) {
  const gradients = answer?.gradients ?? {};
  if (!answer || "error" in answer || Object.keys(gradients).some((a) => !(a in vector.inputs)))
    return yield ["", "error"];
  for (const output of ["value", ...Object.keys(gradients).filter((a) => a in vector.gradients)]) {
    const [got, asked] = [shape(of(answer, output)), shape(of(vector, output))];
    if (`${got}` === `${asked}`) yield [output, verdictOf(vector, output, of(answer, output), line)];
    else yield [output, asked.length === 2 && `${got.reverse()}` === `${asked}` ? "mismatch" : "error"];
  }
}

const answers = new Map();
for (const answer of lines(answersFile).map(read)) answers.set(answer.id, [...(answers.get(answer.id) ?? []), answer]);
for (const line of lines(vectorsFile)) {
  const vector = read(line);
  if (single && vector.float64_only) continue;
  for (const answer of answers.get(vector.id) ?? [undefined])
    for (const verdict of judged(vector, answer, line)) console.log(JSON.stringify([vector.id, ...verdict]));
}
