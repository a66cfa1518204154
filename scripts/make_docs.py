#!/usr/bin/env python3
"""Write every generated table, each beside what it is about: `scripts/make_docs.py [GROUP...]`.

    pages        formulas, scripts, which loss when (seconds; what runs without a GROUP)
    figure       the picture on the first screen of README.md (seconds)
    frameworks   the verdicts on installed frameworks (extra `frameworks`, two minutes)
    samplers     the verdicts on released samplers (extra `benchmark`, four minutes)

A table stands between <!-- name --> and <!-- /name -->.
"""

import argparse
import ast
import inspect
import subprocess
import sys
from pathlib import Path

from ebm_ref import FORMULAS
from ebm_ref.proof.conditions import EXPECTED
from ebm_ref.proof.identities.catalogue import IDENTITIES
from ebm_ref.proof.loops import ENUMERATIONS

ROOT = Path(__file__).parents[1]


def formulas():
    """One line a formula: name, arguments with their axes, the title of its page, source."""
    lines = ["| name | arguments | page | source |", "|---|---|---|---|"]
    for name, f in FORMULAS.items():
        module = inspect.getmodule(f.value)
        title = module.__doc__.splitlines()[0].partition(":")[0].rstrip(".")
        path = module.__name__.removeprefix("ebm_ref.").replace(".", "/") + ".py"
        axes = lambda core: f" ({','.join(core)})" if core else ""
        arguments = ", ".join(f"`{a}`{axes(core)}" for a, core in f.shapes.items())
        lines.append(f"| `{name}` | {arguments} | [{title}]({path}) | {f.source} |")
    return "\n".join(lines)


def scripts(names):
    """One line a script: its name, and the first line of what it says of itself."""
    lines = ["| script | what it shows |", "|---|---|"]
    for path in sorted((ROOT / "scripts").glob(names)):
        title = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
        lines.append(f"| [`{path.name}`]({path.name}) | {title} |")
    return "\n".join(lines)


def claims(law):
    """The formulas whose record claims a law of this name."""
    return lambda name: any(claimed.__name__ == law for claimed in FORMULAS[name].laws)


def linked(identity):
    """The formulas that an identity of this name is about."""
    return lambda name: any(name in names for i, names in IDENTITIES.items() if i.__name__ == identity)


def enumerated(name):
    """Whether the sum over answers stands against a loop over all of them."""
    return name in ENUMERATIONS


def leaves_a_margin(name):
    """Whether condition 3 holds for some margin, so that the right answer ends below all others."""
    return bool(EXPECTED[name][0])


# the situation; what to use; what not; why; what holds it, and its name as a reader finds it
WHICH = (
    (
        "the energy can go flat or collapse",
        ("hinge", "log", "nll", "mce", "mee", "square_square", "square_exponential", "generalized_hinge"),
        ("energy", "perceptron", "lvq2", "lvq2_ratio"),
        "they push the right answer below all others, by a margin",
        (leaves_a_margin, "condition 3, `ebm-ref verify`"),
    ),
    (
        "energies may be negative",
        ("hinge", "log", "nll", "mce", "mee", "lvq2", "generalized_hinge", "margin_rescaled_hinge"),
        ("square_square", "square_exponential", "lvq2_ratio"),
        "only differences matter to them; the others pin E_y to 0",
        (claims("shift_invariant"), "law f(energies + c) = f(energies)"),
    ),
    (
        "wrong labels, outliers among the answers",
        ("mce", "mee", "lvq2_ratio"),
        ("hinge", "nll", "square_square"),
        "one sample cannot cost more than 1",
        (claims("at_most_one"), "law L <= 1"),
    ),
    (
        "outliers among real targets",
        ("huber", "absolute_error", "smooth_l1", "log_cosh"),
        ("squared_error", "gaussian_nll"),
        "no sample pulls harder than all others",
        (claims("gradient_bounded"), "law on the size of the gradient"),
    ),
    (
        "probabilities that are calibrated",
        ("cross_entropy", "nll_of_log_probabilities", "binary_cross_entropy", "info_nce"),
        ("multi_margin", "focal", "label_smoothing"),
        "e^-L adds up to 1 over the answers, so it is a probability",
        (claims("likelihood"), "law sum e^-L = 1"),
    ),
    (
        "a rare class",
        ("weighted_binary_cross_entropy", "class_weighted_cross_entropy"),
        (),
        "a weight makes up for the numbers; subtract log w from the score for a true probability",
        (linked("a_positive_weight_is_that_of_a_class"), "identity of weights"),
    ),
    (
        "graded mistakes",
        ("margin_rescaled_hinge",),
        ("hinge", "nll"),
        "the loss is never below the cost of the answer given",
        (claims("bounds_the_cost"), "law L >= C"),
    ),
    (
        "an answer of many parts: a sequence",
        ("chain_nll", "chain_hinge", "chain_margin_rescaled_hinge", "chain_perceptron"),
        (),
        "sums and minima over all sequences, by dynamic programming",
        (enumerated, "enumeration, `ebm-ref verify chain_nll`"),
    ),
    (
        "an answer of many parts: a tree",
        ("tree_nll",),
        (),
        "a sum over all trees, by elimination",
        (enumerated, "enumeration, `ebm-ref verify tree_nll`"),
    ),
    (
        "the alignment or the path is not known",
        ("ctc", "ctc_of_logits", "transducer"),
        (),
        "all alignments that spell the target are summed",
        (enumerated, "enumeration, `ebm-ref verify ctc`"),
    ),
    (
        "a latent variable",
        ("free_energy", "nll"),
        (),
        "put the free energy over the latent variable in place of the energy, then any loss",
        (linked("nll_is_energy_above_free_energy"), "identity L = E_y - F"),
    ),
)


def which():
    """Which loss when, with what backs each row; a row whose evidence fails is an error."""
    page = lambda name: inspect.getmodule(FORMULAS[name].value).__name__.replace(".", "/") + ".py"
    links = lambda names: ", ".join(f"[{name}]({page(name)})" for name in names) or "-"
    lines = ["| when | use | rather than | because | held by |", "|---|---|---|---|---|"]
    for situation, use, avoid, because, (holds, evidence) in WHICH:
        wrong = [name for name in use if not holds(name)] + [name for name in avoid if holds(name)]
        if wrong:
            raise ValueError(f"{situation}: '{evidence}' does not tell {', '.join(wrong)} apart")
        lines.append(f"| {situation} | {links(use)} | {links(avoid)} | {because} | {evidence} |")
    return "\n".join(lines)


def framework(name):
    """The verdicts on one framework: formula, function, verdicts in both dtypes, cause."""
    from ebm_ref.conformance.report import check

    found = check(name, limit=300.0)
    head = f"**{found.version}**\n\n| formula | function | float32 | float64 | cause |\n" + 5 * "|---" + "|\n"
    return head + "\n".join(verdict_rows(found))


def verdict_rows(report):
    """The rows of a framework's table."""
    groups = {}
    for row in report.rows:
        groups.setdefault((row.formula, row.function), []).append(row)
    for (formula, function), rows in groups.items():
        verdicts = [row.verdict.removeprefix("match under ") for row in rows]
        causes = dict.fromkeys(
            f"{name} ({thread})" if thread else name
            for row in rows
            for name, thread in zip(row.diagnosis, row.threads, strict=True)
            if row.verdict in ("match under convention", "known quirk")
        )
        cause = "; ".join(causes).replace("|", "\\|")  # a bar would begin another cell
        yield f"| {formula} | `{function}` | {' | '.join(verdicts)} | {cause} |"


def samplers():
    """What scripts/judge_samplers.py prints."""
    command = [sys.executable, ROOT / "scripts" / "judge_samplers.py", "--seconds", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"```text\n{done.stdout.rstrip()}\n```"


# file: {name of a table in it: what writes it}
PAGES = {
    "README.md": {"which": which},
    "ebm_ref/README.md": {"formulas": formulas},
    "scripts/findings/README.md": {"findings": lambda: scripts("findings/*.py")},
    "scripts/README.md": {
        "recipes": lambda: scripts("recipe_*.py"),
        "reproductions": lambda: scripts("reproduce_*.py"),
    },
}
FRAMEWORKS = "ebm_ref/conformance/frameworks/README.md"
SAMPLERS = "ebm_ref/conformance/samplers/README.md"


def block(file, name):
    """What stands in a file between the marks of a table."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0].rstrip("\n")


def write(file, name, new):
    """Put a table between its marks."""
    path, begin, end = ROOT / file, f"<!-- {name} -->\n", f"<!-- /{name} -->"
    text = path.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise SystemExit(f"{file} has no place for the table {name!r}: add {begin.strip()} and {end}")
    head, _, rest = text.partition(begin)
    path.write_text(head + begin + new + "\n" + end + rest.partition(end)[2], encoding="utf-8")
    print(f"{file}: {name}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = ("pages", "figure", "frameworks", "samplers")
    parser.add_argument("groups", metavar="GROUP", nargs="*", help=f"of {', '.join(groups)}")
    chosen = parser.parse_args().groups or ["pages"]
    unknown = sorted(set(chosen) - set(groups))
    if unknown:
        parser.error(f"unknown group {', '.join(unknown)}; known: {', '.join(groups)}")
    if "pages" in chosen:
        for file, tables in PAGES.items():
            for name, table in tables.items():
                write(file, name, table())
    if "figure" in chosen:
        import first_figure

        first_figure.draw()
        print(first_figure.FILE.relative_to(ROOT))
    if "frameworks" in chosen:
        from ebm_ref.conformance.worker import frameworks

        for name in frameworks():
            write(FRAMEWORKS, name, framework(name))
    if "samplers" in chosen:
        write(SAMPLERS, "samplers", samplers())


if __name__ == "__main__":
    main()
