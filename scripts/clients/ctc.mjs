// Connectionist temporal classification with its gradient, asked by a line of JSON:
//     ebm-ref check --command "node scripts/clients/ctc.mjs" --as ctc
import { createInterface } from "node:readline";

const add = (...x) => {
  const most = Math.max(...x);
  return most === -Infinity ? most : most + Math.log(x.reduce((sum, v) => sum + Math.exp(v - most), 0));
};

// Log-probabilities of all ways to the positions of the extended target, moment by moment.
function forward(lp, symbols, skips) {
  let before = symbols.map((_, s) => (s === 0 ? 0 : -Infinity)); // before the first moment
  const all = [];
  for (const [t, row] of lp.entries()) {
    const from = (s) => [before[s], before[s - 1], t > 0 && skips(s) ? before[s - 2] : undefined];
    before = symbols.map((symbol, s) => row[symbol] + add(...from(s).filter((v) => v !== undefined)));
    all.push(before);
  }
  return all;
}

function ctc({ log_probabilities: lp, target, blank }) {
  if (target.some((label) => label === blank || !(label in lp[0])))
    throw new Error(`target = ${target}: must hold labels, and no blank`);
  const symbols = [blank, ...target.flatMap((label) => [label, blank])];
  const moves = (labels) => (s) => s > 1 && labels[s] !== blank && labels[s] !== labels[s - 2];
  const alpha = forward(lp, symbols, moves(symbols));
  const turned = symbols.toReversed();
  const beta = forward(lp.toReversed(), turned, moves(turned)).toReversed().map((row) => row.toReversed());
  const last = lp.length ? alpha.at(-1) : symbols.map((_, s) => (s === 0 ? 0 : -Infinity));
  const total = add(...last.slice(-2));
  const gradient = lp.map((row, t) => row.map((score, k) => {
    const paths = symbols.flatMap((symbol, s) => (symbol === k ? [alpha[t][s] + beta[t][s] - score] : []));
    const share = paths.length && total > -Infinity ? Math.exp(add(...paths) - total) : 0;
    return 0 - (score === -Infinity ? 0 : share);
  }));
  return { value: -total, gradients: { log_probabilities: gradient } };
}

// JSON has no words for what is not finite: strings stand for it.
const words = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const read = (x) => (Array.isArray(x) ? x.map(read) : typeof x === "string" ? words[x] : x);
const write = (_, x) =>
  typeof x !== "number" || Number.isFinite(x) ? x : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";

for await (const line of createInterface({ input: process.stdin })) {
  const { id, inputs } = JSON.parse(line);
  const numbers = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, read(x)]));
  let answer;
  try {
    answer = ctc(numbers);
  } catch (problem) {
    answer = { error: problem.message };
  }
  console.log(JSON.stringify({ id, ...answer }, write));
}
