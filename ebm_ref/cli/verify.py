r"""verify: every witness of every formula, side by side; the formulas on all cores."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from rich.markup import escape

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.text import known, print_table, table, tracked, write_json
from ebm_ref.conformance.keeper import end_with_parent
from ebm_ref.proof import golden

CHUNK = 4  # formulas that a process is given at a time: neighbours share identities


def verify_command(args, out):
    """Every witness of the formulas named; status 1 if a claim does not hold, 130 if interrupted."""
    from ebm_ref.proof.evidence import WITNESSES

    names = list(dict.fromkeys(known(name, FORMULAS, "formula") for name in args.names)) or list(FORMULAS)
    started, found, interrupted = time.perf_counter(), {}, False
    try:
        for name, claims in tracked(on_all_cores(names), "verifying", len(names)):
            found[name] = claims
    except KeyboardInterrupt:
        out.print(f"interrupted: {len(found)} of {len(names)} formulas are verified\n", highlight=False)
        interrupted = True
    short = {"autograd": "auto.", "identities": "ident.", "enumeration": "enum.", "mutants": "mut."}
    t = table("formula", *(f">{short.get(witness, witness)}" for witness in WITNESSES))
    for name, witnesses in found.items():
        t.add_row(name, *(_cell(witnesses[w]) for w in WITNESSES))
    print_table(out, t)
    _print_reasons(found, out)
    _print_conditions(found, out)
    claims = [(name, w, *claim) for name, ws in found.items() for w, cs in ws.items() for claim in cs]
    failed = [claim for claim in claims if claim[3] is False]
    for name, witness, claim, _, figure in failed:
        out.print(f"[red]FAILS[/red] {name}, {witness}: {escape(claim)} ({figure})")
    passed = sum(claim[3] is True for claim in claims)
    out.print(f"\n{passed} claims hold, {len(failed)} fail; {time.perf_counter() - started:.1f} s.")
    if args.json:
        keys = ("formula", "witness", "claim", "holds", "figure")
        write_json(args.json, [dict(zip(keys, map(_json, claim), strict=True)) for claim in claims])
    return 130 if interrupted else 1 if failed else 0


def claims_of(name):
    """{witness: its claims} of one formula."""
    from ebm_ref.proof.conditions import conditions
    from ebm_ref.proof.evidence import WITNESSES

    return {witness: list(f(name)) for witness, f in (*WITNESSES.items(), ("conditions", conditions))}


def on_all_cores(names):
    """(name, its claims), in order; what a witness raises is raised here.  A few formulas need no company."""
    processes = min(_cores(), len(names) // CHUNK)
    if processes < 2:
        yield from ((name, claims_of(name)) for name in names)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of ours may hold
    pool = ProcessPoolExecutor(processes, spawn, end_with_parent)
    try:
        yield from zip(names, _mapped(pool, names), strict=True)
    except BaseException:  # the reader has closed us, too: nobody waits for what is being computed
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _mapped(pool, names):
    """Ctrl-C reaches all processes of a terminal; those of the pool are born deaf, and this one heeds it."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        return pool.map(claims_of, names, chunksize=CHUNK)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _json(x):
    """A number of NumPy as one of JSON; anything else as it is."""
    return golden.encode(np.asarray(x).item()) if isinstance(x, (np.generic, np.ndarray, float)) else x


def _cell(claims):
    """How many claims hold, or how many fail."""
    holds = [h for _, h, _ in claims]
    if False in holds:
        return f"[red]{holds.count(False)} FAIL[/red]"
    return f"{len(claims)}" if True in holds else "-"


def _print_reasons(found, out):
    """Why a witness does not apply, formulas with the same reason together."""
    reasons = {}
    for name, witnesses in found.items():
        for witness, claims in witnesses.items():
            for reason, holds, _ in claims:
                if holds is None:
                    reasons.setdefault((witness, reason), []).append(name)
    out.print("\nThe number of claims that hold; - not applicable:")
    for (witness, reason), names in reasons.items():
        out.print(f"  {witness}: {reason}\n    {', '.join(names)}", highlight=False)


def _print_conditions(found, out):
    """A table of the conditions of a good loss, where a loss was asked for."""
    from ebm_ref.proof.conditions import UNSATURATED

    rows = {name: ws["conditions"] for name, ws in found.items() if ws["conditions"]}
    if not rows:
        return
    margins = [
        claim.partition(" for ")[2].partition(":")[0] for claim, _, _ in next(iter(rows.values()))[:-1]
    ]
    out.print("\nCondition 3 on \\[0, 4]^2 for a margin m, and the gap at which descent rests:")
    t = table("loss", *(f">{margin}" for margin in margins), ">gap at rest")
    for name, claims in rows.items():
        t.add_row(name, *(claim.rpartition(": ")[2] for claim, _, _ in claims))
    print_table(out, t)
    for name in sorted(set(rows) & set(UNSATURATED)):
        given = ", ".join(f"{a} = {x:g}" for a, x in UNSATURATED[name].items())
        out.print(f"{name} rests at any gap once it is saturated; its gap is for {given}", highlight=False)
