#!/usr/bin/env python3
"""Write the golden vectors of every formula, or of those named: `scripts/make_golden.py [NAME...]`.

Ids are append-only: the script refuses to drop an id that is already published.  Needs the extra `test`.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ebm_ref import FORMULAS
from ebm_ref.proof import golden

FOLDER = Path(golden.__file__).parent / "vectors"  # as a path: where the source stands


def write(name):
    vectors = golden.make(name, FORMULAS[name])
    path = FOLDER / f"{name}.jsonl"
    ids = [vector["id"] for vector in vectors]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise SystemExit(f"{name}: rename a case, {twice[0]} is the id of two (the words up to a colon)")
    published = [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []
    dropped = sorted(set(published) - {vector["id"] for vector in vectors})
    if dropped:
        mend = f"delete {path.name} if it was never released"
        raise SystemExit(f"{name}: ids are append-only, but these would go: {', '.join(dropped)}; {mend}")
    path.write_text(golden.dump(vectors))
    return f"{name}: {len(vectors)} vectors, {len(vectors) - len(published)} new"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", metavar="NAME", nargs="*", help="a formula; all without")
    names = parser.parse_args().names
    unknown = sorted(set(names) - set(FORMULAS))
    if unknown:
        parser.error(f"unknown formula {', '.join(unknown)}")
    with ProcessPoolExecutor() as pool:
        for line in pool.map(write, names or list(FORMULAS)):
            print(line)
