#!/usr/bin/env python3
"""Hunt for lost digits: `scripts/hunt_digits.py [NAME...] [--samples N] [--large N] [--keep FILE]`.

Claim: a page is within 4 (u C + eta) of the truth, or as many as its record keeps, value and gradients.
Samples are its own, hostile (tied, over 300 orders of magnitude, subnormal, singular, ...) and large: 17, 240
and 2000 terms, sequences of 300 moments.  The truth is the naive expression, or its recursion, in hundreds of
digits.  Prints the worst error in units of u C + eta, how many samples were judged, and every kind of
violation.  Exit status 1 where there is one.

All components are compared.  A condition C is computed for the worst of them, and at large sizes for those
alone that |g|, which is never above C, does not excuse.  Of an answer of many components, five at random and
the five worst are differentiated.  A NaN where the truth is beyond the range, too, is counted by itself: an
intermediate result was infinite.  With --keep FILE, what was found is kept, and not looked for again.
"""

import argparse
import gc
import json
import signal
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from hunt_samples import hostile_samples, is_beyond_elimination, large_samples, sizes

from ebm_ref import FORMULAS
from ebm_ref.proof import oracle, tape
from ebm_ref.proof.golden import PRECISIONS

U, ETA = PRECISIONS["float64"]
PICKED = 5
BALANCED = {"graph_nll", "ctc_of_logits"}  # slopes that are a difference of two probabilities, to u of these
LEFT = "no truth", "too slow", "NaN for inf"  # the last where the truth, too, is beyond the range
CORNERS = 6  # of more, nobody goes through all the sides
SECONDS = 60  # of this process, for one sample


# ---- the error of a page ----


class TooSlow(Exception):
    """A truth that takes longer than a hunter waits."""


@np.errstate(all="ignore")
def judge(name, inputs, long=False):
    """[(units, (output, component), truth, answer)] of the worst components; empty where the page refuses."""
    f = FORMULAS[name]
    try:
        answers = {"value": f.value(**inputs)} | {a: g(**inputs) for a, g in f.gradients.items()}
    except ValueError:
        return []
    if long and is_beyond_elimination(name, inputs):
        return []
    expression = (oracle.STEPWISE if long else oracle.ORACLES)[name]
    C_least = 1.0 * (name in BALANCED)
    look = lambda: _errors(expression, inputs, answers, f.keeps, f.keeps if long else 1.0, C_least)
    try:
        found = oracle.computed(look, inputs)
        if max((units for units, *_ in found), default=0.0) > f.keeps:  # a doubt: with three times the digits
            with tape.digits(3 * oracle.enough(inputs), wide=True):
                found = look()
    except (oracle.EdgeOfDomain, ZeroDivisionError):
        return []
    return found


def _errors(expression, inputs, answers, kept, excused, C_least):
    """The worst components of each answer; so many units of |g| alone need no condition."""
    moved = _moved(inputs, answers)
    components, branches, given = _evaluated(expression, inputs, (), moved)
    numbers = [x for a in moved for x in oracle.flat(given[a])]
    widths = [s for a in moved for s in oracle.sizes_of(inputs[a])]
    picked = _told_apart(components, answers["value"])
    slopes = [dict(zip(numbers, tape.derivatives(components[i], numbers), strict=True)) for i in picked]
    found = []
    for output, answer in answers.items():
        is_value = output == "value"
        truths = [components[i] for i in picked] if is_value else _rows(slopes, given[output])
        answer = np.reshape(np.asarray(answer, float), (len(components), -1))[picked].ravel()
        error, doubt, nearest = _doubts(truths, answer)
        for i in np.argsort(-doubt)[: max(1, min(PICKED, np.sum(doubt > kept)))].tolist():
            row = [0 for _ in numbers]
            if is_value:
                row = slopes[i].values()
            elif doubt[i] > excused:
                row = tape.plain_derivatives(truths[i], numbers)
            C = max(oracle.condition(truths[i], row, widths), 0.0 if is_value else C_least)
            units = float(error[i] / (U * C + ETA)) if np.isfinite(error[i]) else np.inf
            found.append([units, (output, i), float(nearest[i]), float(answer[i]), C])
    if max(units for units, *_ in found) > kept:
        found = _beside_corners(expression, inputs, answers, found, kept, picked, branches.gaps)
    return [tuple(entry[:4]) for entry in found]


def _told_apart(components, answer):
    """Which components of a value are differentiated: all of a few, else the worst and some at random."""
    if len(components) <= 4 * PICKED:
        return [*range(len(components))]
    _, doubt, _ = _doubts(components, np.ravel(answer))
    drawn = np.random.default_rng(len(components)).choice(len(components), PICKED, replace=False)
    return sorted({*np.argsort(-doubt)[:PICKED].tolist(), *drawn.tolist()})


def _doubts(truths, answer):
    """Errors, the same in units of u |truth| + eta, and the truths in float64."""
    nearest = np.array([tape.rounded(t) for t in truths])
    error = np.where(answer == nearest, 0.0, np.abs(answer - nearest))
    error = np.where(np.isnan(error), np.inf, error)
    return error, error / (U * np.abs(nearest) + ETA), nearest


def _rows(slopes, argument):
    """The truth of a gradient, one row after the other."""
    return [by[x] for by in slopes for x in oracle.flat(argument)]


def _beside_corners(expression, inputs, answers, found, kept, picked, gaps):
    """The same, counted from either side of a corner within reach; of too many corners nobody knows."""
    reach = 8 * U * max(1.0, *(np.abs(x).max(initial=0.0) for x in (*inputs.values(), answers["value"])))
    corners = sum(gap <= reach for gap in gaps)
    if corners > CORNERS:
        return [entry for entry in found if entry[0] <= kept]
    if corners:
        _from_the_nearest_side(expression, inputs, answers, found, reach, picked)
    return found


def _from_the_nearest_side(expression, inputs, answers, found, reach, picked):
    """Errors are counted from the nearest value between the sides."""
    moved, sides = _moved(inputs, answers), []
    for script in oracle.sides(expression, inputs, reach):
        components, _, given = _evaluated(expression, inputs, script, moved)
        components = [components[i] for i in picked]
        numbers = [x for a in moved for x in oracle.flat(given[a])]
        slopes = [dict(zip(numbers, tape.derivatives(f, numbers), strict=True)) for f in components]
        truths = {"value": components} | {a: _rows(slopes, given[a]) for a in answers if a != "value"}
        sides.append([tape.rounded(truths[output][i]) for _, (output, i), *_ in found])
    low, high = np.min(sides, axis=0), np.max(sides, axis=0)
    for entry, a, b in zip(found, low, high, strict=True):
        _, _, _, answer, C = entry
        entry[0] = max(a - answer, answer - b, 0.0) / (U * C + ETA)


def _moved(inputs, answers):
    real = oracle.real(inputs)
    return [*real, *(a for a in answers if a != "value" and a not in real)]


def _evaluated(expression, inputs, script, moved):
    value, branches, given = oracle.evaluate(expression, inputs, script, moved)
    components = oracle.flat(value)
    oracle.require_real(*(tape.plain(f) for f in components))
    return components, branches, given


# ---- the hunt ----


def looked_at(name, column, rng, samples, large):
    """Yield (kind, inputs) of a column: the page's own samples, hostile ones, or those of a size."""
    f = FORMULAS[name]
    draw = lambda rng: f.bind(**f.sample(rng))
    if column == "own":
        yield from (("own sample", draw(rng)) for _ in range(samples))
    elif column == "hostile":
        yield from hostile_samples(name, draw, rng, each=max(2, samples // 25))
    else:
        yield from large_samples(name, int(column), rng, large)


def hunt(job, samples, seed, large=20):
    """What a (formula, column) has: the worst units, counts, CPU seconds, and the violations."""
    name, column = job
    rng = np.random.default_rng([seed, zlib.crc32(f"{name} {column}".encode())])
    found = {"name": name, "column": column, "seed": seed, "samples": samples, "large": large}
    found |= {"worst": 0.0, "judged": 0, "violations": []} | dict.fromkeys(LEFT, 0)
    started = time.process_time()
    gc.set_threshold(200_000, 20, 50)  # a tape is a million numbers, none of which is garbage before its end
    signal.signal(signal.SIGVTALRM, _too_slow)
    for kind, inputs in looked_at(name, column, rng, samples, large):
        _look(found, kind, inputs, long=column not in ("own", "hostile"))
    return found | {"seconds": time.process_time() - started}


def _look(found, kind, inputs, long):
    """Judge a sample, and note what comes of it."""
    violated = lambda *what: found["violations"].append([kind, *what, shown(inputs)])
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        errors = judge(found["name"], inputs, long)
    except TooSlow:
        found["too slow"] += 1
        return
    except Exception as e:
        violated(np.inf, [f"{type(e).__name__}: {e}", 0], 0.0, 0.0)
        return
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    found["judged" if errors else "no truth"] += 1
    known = [entry for entry in errors if not (np.isinf(entry[2]) and np.isnan(entry[3]))]
    found["NaN for inf"] += len(known) < len(errors)
    units, *what = max(known, key=lambda entry: entry[0], default=[0.0])
    found["worst"] = max(found["worst"], units)
    if units > FORMULAS[found["name"]].keeps:
        violated(units, *what)


def _too_slow(*_):
    raise TooSlow


def shown(inputs):
    """The inputs, so that they can be pasted; large ones by their beginning."""
    text = lambda x: repr(np.asarray(x).tolist())
    return ", ".join(f"{a}={t if len(t := text(x)) <= 400 else t[:200] + ' ...'}" for a, x in inputs.items())


# ---- what was found, kept and printed ----

COLUMNS = "own", "hostile", "17", "40", "60", "240", "300", "2000"


def jobs(names):
    """(formula, column), the cheap columns of all formulas before the dear ones of any."""
    has = lambda name: ("own", "hostile", *map(str, sizes(name)))
    return [(name, column) for column in COLUMNS for name in names if column in has(name)]


def kept(path, **asked):
    """{(name, column): what was found} of a file, for these numbers of samples and this seed."""
    if path is None or not path.exists():
        return {}
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {
        (found["name"], found["column"]): found
        for found in entries
        if all(found[key] == number for key, number in asked.items())
    }


def table(names, found):
    """A line for each formula: of every column the worst units, and how many samples."""
    heads = "".join(f"{column:>13}" for column in COLUMNS)
    lines = [f"{'worst units of u C + eta, samples':34}{heads}  seconds"]
    for name in names:
        own = {column: found[name, column] for column in COLUMNS if (name, column) in found}
        cells = [f"{own[c]['worst']:.3g}, {own[c]['judged']}" if c in own else "" for c in COLUMNS]
        left = {what: sum(each[what] for each in own.values()) for what in LEFT}
        left = "".join(f"  {n} {what}" for what, n in left.items() if n)
        seconds = sum(each["seconds"] for each in own.values())
        lines.append(f"{name:34}" + "".join(f"{cell:>13}" for cell in cells) + f"{seconds:9.1f}{left}")
    return "\n".join(lines)


def told(found):
    """The violations of a job, one of each kind and answer, ready to be pasted."""
    first = {}
    for kind, units, (output, i), truth, answer, inputs in found["violations"]:
        what = f"{found['name']}, {found['column']}, {kind}: {output}[{i}] is {answer!r}, not {truth!r}"
        first.setdefault((kind, output), f"{what}: {units:.3g} units\n    {inputs}")
    return "\n".join(first.values())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="a formula; all without")
    parser.add_argument("--samples", type=int, default=50, metavar="N")
    parser.add_argument("--large", type=int, default=2, metavar="N", help="samples of each size")
    parser.add_argument("--processes", type=int, metavar="N", help="as many as there are cores without")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="JSON lines of what was found, to go on from"
    )
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(FORMULAS))
    if unknown:
        parser.error(f"unknown formula {', '.join(unknown)}")
    names, asked = (
        args.names or list(FORMULAS),
        {key: getattr(args, key) for key in ("samples", "large", "seed")},
    )
    found = {job: entry for job, entry in kept(args.keep, **asked).items() if job[0] in names}
    with ProcessPoolExecutor(args.processes) as pool:
        waiting = [job for job in jobs(names) if job not in found]
        for done in as_completed([pool.submit(hunt, job, **asked) for job in waiting]):
            entry = done.result()
            found[entry["name"], entry["column"]] = entry
            if args.keep:
                with args.keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
            if entry["violations"]:
                print(told(entry), flush=True)
    print(table(names, found))
    total = sum(len(entry["violations"]) for entry in found.values())
    print(f"{total} violations.")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
