r"""eval, vectors: truths to copy."""

import inspect
import json
from pathlib import Path

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import formula
from ebm_ref.cli.text import Usage, known, plain, vectors_counted
from ebm_ref.formula import check_shapes
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import estimated_condition


def eval_command(args, out):
    """Value, gradients, condition and bound of one sample."""
    record = formula(args.name)
    inputs = _inputs(record, args.inputs)
    stacks = {a: np.asarray(x) for a, x in inputs.items()}
    check_shapes(stacks, {a: record.shapes[a] for a in stacks})
    deeper = [a for a, x in stacks.items() if x.ndim > len(record.shapes[a])]
    if deeper:
        raise Usage(f"{deeper[0]} has shape {stacks[deeper[0]].shape}: eval takes one sample")
    bound = record.bind(**inputs)
    with np.errstate(all="ignore"):
        value = record.value(**bound)
        condition = estimated_condition(record, bound)
        u, eta = golden.PRECISIONS["float64"]
        rows = {"value": value} | {f"gradient by {a}": g(**bound) for a, g in record.gradients.items()}
        if np.asarray(value).dtype.kind == "f":  # an index has no condition
            rows |= {"condition C": condition, "bound 8(uC + eta)": 8 * (u * condition + eta)}
    width = max(map(len, rows))
    for name, x in rows.items():
        out.print(f"{name:{width}}  {plain(x)}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _inputs(record, text):
    """Inputs by name or by position, from JSON; "nan", "inf" and "-inf" as strings."""
    try:
        given = json.loads(text)
    except RecursionError:
        raise Usage("inputs are nested too deep") from None
    except json.JSONDecodeError as problem:
        example = json.dumps(
            golden.encode({a: np.asarray(x).tolist() for a, x in record.cases[0].inputs.items()})
        )
        raise Usage(f"inputs are not JSON: {problem}; for example '{example}'") from None
    names = list(record.shapes)
    if isinstance(given, list):
        if len(given) > len(names):
            raise Usage(f"{len(given)} inputs given, but the arguments are {', '.join(names)}")
        given = dict(zip(names, given, strict=False))
    absent = [a for a, x in given.items() if x is None] if isinstance(given, dict) else []
    if absent:
        raise Usage(f"{absent[0]} is null: give a number, or leave it out for its default")
    if not isinstance(given, dict):
        raise Usage(f"inputs must be a JSON object or array, not {text!r}")
    try:
        like = record.bind(**record.sample(np.random.default_rng(0)))  # 1 is a real number where reals belong
        real = {a for a, x in like.items() if np.asarray(x).dtype.kind == "f"}
        decoded = {known(a, names, "argument"): golden.decode(x) for a, x in given.items()}
        inputs = {a: np.asarray(x, float)[()] if a in real else x for a, x in decoded.items()}
    except (TypeError, ValueError) as problem:
        raise Usage(f"inputs {text!r}: {problem}") from None
    missing = [
        a
        for a, p in inspect.signature(record.value).parameters.items()
        if p.default is p.empty and a not in inputs
    ]
    if missing:
        raise Usage(f"{missing[0]} is missing; the arguments are {', '.join(names)}")
    return inputs


def vectors_command(args, out):
    """Copy golden vectors into a folder; files that are there and differ are not touched."""
    names = list(dict.fromkeys(known(name, FORMULAS, "formula") for name in args.names)) or list(FORMULAS)
    if not args.out:
        raise Usage("--out must name a folder")
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        file: (golden.VECTORS / file).read_bytes()
        for file in ("FORMAT.md", "schema.json", *(f"{n}.jsonl" for n in names))
    }
    taken = [
        file
        for file, text in texts.items()
        if (folder / file).exists() and (folder / file).read_bytes() != text
    ]
    if taken:
        raise Usage(f"{folder / taken[0]} exists and is another file: choose another folder, or remove it")
    for file, text in texts.items():
        (folder / file).write_bytes(text)
    count = sum(len(golden.load(name)) for name in names)
    formulas = f"{len(names)} formula{'s' * (len(names) != 1)}"
    out.print(f"{vectors_counted(count)} of {formulas} written to {folder}", highlight=False)
    return 0
