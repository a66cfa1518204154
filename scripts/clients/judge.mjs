// The verdicts of ebm_ref, from FORMAT.md alone: node judge.mjs VECTORS.jsonl ANSWERS.jsonl [float32]
//
// A line of ANSWERS is {"id", "value", "gradients"?: {argument: array}} or {"id", "error"}; a line of the
// output is [id, output, verdict], with "" for the output where there is no answer that could be judged.
import { readFileSync } from "node:fs";

const [vectorsFile, answersFile, dtype = "float64"] = process.argv.slice(2);
const single = dtype === "float32";
const [u, eta, smallest] = single ? [2 ** -24, 2 ** -149, 2 ** -126] : [2 ** -53, 2 ** -1074, 2 ** -1022];
const rounded = single ? Math.fround : (x) => x;

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
  const inputs = Object.values(vector.inputs);
  const f = flat(of(vector, output)).map(rounded);
  const x = flat(answer);
  const side = vector.kinks?.[dtype];
  if (output === "value" && isIndex(line)) {
    const right = (x_i, i) => (side ? side.value.includes(x_i) : x_i === f[i]);
    return x.every(right) ? "match" : "mismatch";
  }
  const n = Math.max(1, ...inputs.map((a) => flat(a).length));
  const M = Math.max(1, ...[...f, ...flat(inputs)].filter(Number.isFinite).map(Math.abs));
  const known = vector.condition !== null;
  const substitute = (v) => Math.max(1, Math.min(Number.MAX_VALUE, Number.isNaN(v) ? 0 : Math.abs(v)));
  const C = known ? flat(output === "value" ? vector.condition : vector.gradient_conditions[output]) : f.map(substitute);
  const S = known ? flat(output === "value" ? vector.size : vector.gradient_sizes[output]) : f.map(() => M);
  let [fine, coarse] = [0, 0];
  const judge = (error, c, s) => {
    fine = Math.max(fine, error / (8 * (u * c + eta)));
    coarse = Math.max(coarse, error / (8 * n * (u * s + smallest)));
  };
  const [low, high] = side ? of(side, output).map(flat) : [f, f];
  x.forEach((x_i, i) => {
    const same = x_i === f[i] || (Number.isNaN(x_i) && Number.isNaN(f[i]));
    judge(same ? 0 : beyond(x_i, Math.min(f[i], low[i]), Math.max(f[i], high[i])), C[i], S[i]);
  });
  if (side && output !== "value") {
    const [lows, highs] = side.sums[output].map(flat);
    const size = flat(vector.inputs[output]).length;
    lows.forEach((low, i) => {
      const row = (numbers) => numbers.slice(i * size, (i + 1) * size);
      const plus = (bounds) => sum(row(x).map(Math.abs)) + sum(row(bounds));
      judge(beyond(sum(row(x)), low, highs[i]), plus(C), plus(S));
    });
  }
  return fine <= 1 ? "match" : coarse <= 1 ? "imprecise" : "mismatch";
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
