r"""Results: what the scripts have measured, read from the folder that they wrote.

    DIR/claims.jsonl, DIR/figures/    scripts/reproduce_all.py --out DIR
    DIR/benchmark.json                scripts/benchmark.py --json DIR/benchmark.json

Both take minutes and say something about one machine, so a book is made with them or without: what is not
there is left out, and the page says which command would write it.

Source: the form of these files is that of the two scripts.
"""

import json
from pathlib import Path
from typing import NamedTuple

CLAIM = ("script", "verdict", "claim", "expected", "obtained", "title", "about", "source")
CLAIM += ("seed", "seconds", "quick", "versions")
BROKEN = ("script", "verdict", "reason")
ROW = ("name", "about", "group", "ours_s", "theirs_s", "theirs", "ratio", "target")


class Results(NamedTuple):
    """Claims by script, each a list of lines; the benchmark; and the folder where figures lie."""

    claims: dict
    benchmark: dict | None
    folder: Path | None


NONE = Results({}, None, None)


def read(folder):
    """The results in a folder; ValueError if it holds none, or a file that is not of this form."""
    folder = Path(folder)
    claims, benchmark = folder / "claims.jsonl", folder / "benchmark.json"
    if not (claims.exists() or benchmark.exists()):
        raise ValueError(f"results = {folder}: must be a folder with claims.jsonl or benchmark.json")
    lines = claims.read_text(encoding="utf-8").splitlines() if claims.exists() else ()
    return Results(by_script(claims, lines), measured(benchmark), folder)


def by_script(file, lines):
    """{script: its lines}, in the order of the file; "figure" is None where there is no such file."""
    found = {}
    for text in lines:
        line = parsed(file, text)
        complete(file, line, CLAIM if "claim" in line else BROKEN)
        drawn = line.get("figure")
        line["figure"] = drawn if drawn and (file.parent / drawn).is_file() else None
        found.setdefault(line["script"], []).append(line)
    return found


def measured(file):
    """The benchmark, or None where it was not run."""
    if not file.exists():
        return None
    found = complete(file, parsed(file, file.read_text(encoding="utf-8")), ("machine", "rows"))
    for row in found["rows"]:
        complete(file, row, ROW)
    return found


def parsed(file, text):
    """An object of JSON."""
    try:
        held = json.loads(text)
    except json.JSONDecodeError as problem:
        raise ValueError(f"{file}: {problem.doc[:40]}: must be an object of JSON") from problem
    if not isinstance(held, dict):
        raise ValueError(f"{file}: {text[:40]}: must be an object of JSON")
    return held


def complete(file, held, keys):
    """The same, where none of the keys is missing.

    >>> complete("claims.jsonl", {"script": "one"}, ("script", "verdict"))
    Traceback (most recent call last):
    ValueError: claims.jsonl: {'script': 'one'}: must have the key verdict
    """
    for key in keys:
        if key not in held:
            raise ValueError(f"{file}: {str(held)[:40]}: must have the key {key}")
    return held
