#!/usr/bin/env python3
"""Every reproduction at once, and what came of it: `scripts/reproduce_all.py --out DIR`.

Runs each reproduce_*.py in a process of its own, as many at a time as there are
cores, and writes into DIR

    claims.jsonl        a line for each claim: script, claim, source, expected,
                        obtained, verdict, seconds, versions, figure
    claims.md           the same as a page, with the figures
    figures/, output/   what the scripts drew and printed

which `ebm-ref book --out SITE --results DIR` makes a chapter of the book.

Scripts run with --quick, which asserts the same on smaller instances; --full
runs them at full size. What was interrupted goes on from there: a script is run
again only if its text or the package has changed, if it had ended in an error,
or for another size. No script outlives the runner, even if that is killed. The
end is one line, and status 1 if a claim fails or a script breaks.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from reproduction import ONE_THREAD, RUNNER
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SCRIPTS = Path(__file__).parent
HERE = Path(__file__).stem
KEPT = ("holds", "fails")  # verdicts that another run would only repeat


class Runs:
    """The scripts that run now, so that an interruption can end them; nothing is started afterwards."""

    def __init__(self):
        self.lock, self.alive, self.ended = threading.Lock(), set(), False

    def start(self, command, output):
        """The process, or None after the end."""
        with self.lock:
            if self.ended:
                return None
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # never written to: its end tells the script that the runner is gone
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for this process alone, which then ends the others
            )
            self.alive.add(process)
            return process

    def end(self):
        """No script runs any longer, nor the workers that it started."""
        with self.lock:
            self.ended = True
            for process in self.alive:
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)


def environment():
    """One thread a script, and the package beside the scripts where it is not installed."""
    paths = [str(SCRIPTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", RUNNER: "1"}
    return os.environ | ONE_THREAD | own


@functools.cache
def digest(script):
    """What identifies the text of a script, and of all that it may import."""
    texts = [script, SCRIPTS / "reproduction.py", *sorted((SCRIPTS.parent / "ebm_ref").rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in texts)).hexdigest()[:16]


def run(script, out, quick, runs):
    """The lines of one script for claims.jsonl: one for each of its claims; None if it was not started."""
    report, figure = out / "output" / f"{script.stem}.json", out / "figures" / f"{script.stem}.png"
    report.unlink(missing_ok=True)
    command = [sys.executable, script, "--report", report, "--figure", figure, *["--quick"] * quick]
    printed = out / "output" / f"{script.stem}.txt"
    with open(printed, "w", encoding="utf-8") as output:
        process = runs.start(command, output)
        if process is None:
            return None
        with process:
            status = process.wait()
    if runs.ended:
        return None
    runs.alive.discard(process)
    common = {"script": script.stem, "digest": digest(script), "quick": quick}
    if report.exists():
        return lines_of(json.loads(report.read_text(encoding="utf-8")), common, out)
    text = printed.read_text(encoding="utf-8").strip()
    verdict = "skipped" if status == 2 and "pip install" in text else "error"
    return [common | {"verdict": verdict, "reason": text.splitlines()[-1] if text else f"status {status}"}]


def lines_of(report, common, out):
    """A line for each claim of a script's report."""
    figure = Path(report["figure"]).relative_to(out).as_posix()
    shared = {key: report[key] for key in ("title", "source", "seed", "seconds", "versions")}
    shared |= {"about": report["claim"], "figure": figure}
    return [
        common
        | {
            "claim": claim["sentence"],
            "verdict": "holds" if claim["holds"] else "fails",
            "expected": [claim["low"], claim["high"]],
            "obtained": claim["obtained"],
        }
        | shared
        for claim in report["claims"]
    ]


def known(file):
    """{script: its lines} of an earlier run; a last line that was cut short does not count."""
    found = {}
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        found.setdefault(line["script"], []).append(line)
    return found


def still_good(lines, script, quick):
    """Whether these lines say what another run would."""
    same = lambda line: (
        line["digest"] == digest(script) and line["quick"] == quick and line["verdict"] in KEPT
    )
    return bool(lines) and all(map(same, lines))


def write(out, results):
    """claims.jsonl and claims.md of all that is known, each at once: no reader sees a half."""
    lines = [line for name in sorted(results) for line in results[name]]
    texts = {"claims.jsonl": "".join(json.dumps(line) + "\n" for line in lines), "claims.md": page(results)}
    for name, text in texts.items():
        (out / f"{name}.new").write_text(text, encoding="utf-8")
        (out / f"{name}.new").replace(out / name)


def page(results):
    """The page: a section for each script."""
    told = sorted(results.items())
    failing = [name for name, lines in told if any(line["verdict"] in ("fails", "error") for line in lines)]
    parts = ["# Claims\n", f"{summary(results)}.\n"]
    if failing:
        parts.append("Look first at " + ", ".join(f"`{name}`" for name in failing) + ".\n")
    return "\n".join(parts + [section(name, lines) for name, lines in told])


def section(name, lines):
    """One script: what it claims, after whom, what was found, and its figure."""
    first = lines[0]
    if "claim" not in first:
        return f"## `{name}`\n\n{first['verdict']}: {first['reason']}\n"
    rows = [f"| {line['verdict']} | {line['claim'].replace('|', chr(92) + '|')} |" for line in lines]
    size = "small instance" if first["quick"] else "full size"
    return "\n".join(
        [
            f"## {first['title']}\n",
            f"{first['about']}\n",
            f"Source: {first['source']}\n",
            "| verdict | claim |\n|---|---|",
            *rows,
            f"\n![{first['title']}]({first['figure']})\n",
            f"`scripts/{name}.py`, {size}, seed {first['seed']}, {first['seconds']:.1f} s;"
            f" {', '.join(f'{k} {v}' for k, v in first['versions'].items())}\n",
        ]
    )


def summary(results):
    """How many scripts and claims there are, and what came of them, in one line."""
    verdicts = [line["verdict"] for lines in results.values() for line in lines]
    count = verdicts.count
    judged = counted(count("holds") + count("fails"), "claim")
    told = f"{counted(len(results), 'script')}, {judged}: {count('holds')} hold{'s' * (count('holds') == 1)}"
    told += f", {count('fails')} fail{'s' * (count('fails') == 1)}" if count("fails") else ""
    for verdict, words in (("error", "broke"), ("skipped", "skipped")):
        told += f", {counted(count(verdict), 'script')} {words}" if count(verdict) else ""
    return told


def counted(number, what):
    """So many of a thing, in words."""
    return f"{number} {what}{'s' * (number != 1)}"


def collect(scripts, out, quick, processes, results):
    """Run what is missing, a line of progress for each that ends; whatever is done is written at once."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    runs, pool = Runs(), ThreadPoolExecutor(processes)
    with Progress(*columns) as progress:
        bar = progress.add_task("reproductions", total=len(scripts))
        try:
            waiting = {pool.submit(run, script, out, quick, runs): script for script in scripts}
            for done in as_completed(waiting):
                results[waiting[done].stem] = done.result()
                write(out, results)
                progress.update(bar, advance=1, description=waiting[done].stem.removeprefix("reproduce_"))
        finally:
            runs.end()
            pool.shutdown(cancel_futures=True)


def asked():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, as reproduce_NAME.py")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where results go, and are kept"
    )
    parser.add_argument("--full", action="store_true", help="at full size, without a limit of time")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), metavar="N", help="at a time")
    chosen = parser.parse_args()
    scripts = [path for path in sorted(SCRIPTS.glob("reproduce_*.py")) if path.stem != HERE]
    unknown = sorted({*chosen.names} - {path.stem.removeprefix("reproduce_") for path in scripts})
    if unknown:
        parser.error(f"there is no script reproduce_{unknown[0]}.py")
    if chosen.processes < 1:
        parser.error(f"--processes {chosen.processes}: must be >= 1")
    named = [
        path for path in scripts if not chosen.names or path.stem.removeprefix("reproduce_") in chosen.names
    ]
    return chosen, named


def main():
    chosen, scripts = asked()
    out, quick = chosen.out.resolve(), not chosen.full
    for folder in ("figures", "output"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    before = known(out / "claims.jsonl")
    missing = [s for s in scripts if not still_good(before.get(s.stem), s, quick)]
    good = {s.stem for s in scripts} - {s.stem for s in missing}
    results = {name: lines for name, lines in before.items() if chosen.names or name in good}
    try:
        collect(missing, out, quick, chosen.processes, results)
    except KeyboardInterrupt:
        print(f"interrupted: {summary(results)}; the same command goes on from here")
        sys.exit(130)
    write(out, results)
    print(f"{summary(results)}; see {out / 'claims.md'}, or: ebm-ref book --out SITE --results {out}")
    sys.exit(any(line["verdict"] in ("fails", "error") for lines in results.values() for line in lines))


if __name__ == "__main__":
    main()
