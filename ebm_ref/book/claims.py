r"""Claims: what was published, and what comes out when it is computed again.

Each script takes one sentence that somebody published, or a picture, a table, a number on a slide, and
computes it with the pages of this book.  It ends with assertions: numbers with the interval in which each
must lie, and exit status 1 where one of them does not.  What does not hold comes first in the table below.
Where a slide is wrong, the script computes both, what stands there and what is right.

Scripts run on small instances, in seconds, or at full size; the page of a script tells which.

    to see                        run
    one claim, with its figure    the command on its page
    all of them, as a table       `scripts/reproduce_all.py --out DIR`
    that table in this book       `ebm-ref book --out SITE --results DIR`

Source: each claim has its own.
"""

import ast
import re
import shutil
from html import escape
from pathlib import Path

import ebm_ref
from ebm_ref.book import pages, prose, tables

SCRIPTS = Path(ebm_ref.__file__).parents[1] / "scripts"
ORDER = ("error", "fails", "skipped", "holds", "")  # the worst first
FIELD = r"^(Claim|Source|Data|Time) +(\S.*(?:\n +\S.*)*)"
ABSENT = (
    "This book was made without results, so the chapter is empty.  The scripts are no part of the"
    " installed package: a checkout of the repository has them, in its folder scripts/.  The last two"
    " commands above run them, in minutes, and make this chapter: a table of all scripts with their"
    " verdicts, and for each a page with its claim, the source, what was expected and obtained, and the"
    " figure."
)
UNRUN = (
    "They were not run for this book, so it has no verdicts; this is what each is about.  The last two"
    " commands above run them, in minutes, and add what was expected and obtained, with the figures."
)


def texts(results):
    """{name: text} of the chapter's pages: the opening with the table of all, and one page a script."""
    told = known(results)
    worst_first = sorted(told, key=lambda name: ORDER.index(verdict(results.claims.get(name))))
    rows = [row(name, told[name], results.claims.get(name)) for name in worst_first]
    names = {name: f"claims.{short(name)}" for name in told}
    table = summary(rows, bool(results.claims)) if rows else ""
    found = {"claims": pages.opening(__doc__) + pages.raw(counted(results.claims, told) + table)}
    found["claims"] += pages.toctree(names.values())
    return found | {names[n]: page(n, one, results.claims.get(n)) for n, one in told.items()}


def summary(rows, run):
    """The table of all scripts; without results it has no columns for them."""
    names = ("claim", "verdict", "claims", "seconds", "after")
    return tables.table(names, rows, "summary") if run else tables.table(names[::4], [r[::4] for r in rows])


def known(results):
    """{script: what it says of itself}: those that lie beside the package, and those of the results.

    What a run reported stands above the docstring of today.
    """
    found = {path.stem: documented(path) for path in SCRIPTS.glob("reproduce_*.py")}
    found.pop("reproduce_all", None)
    for name, lines in results.claims.items():
        found[name] = found.get(name, {"title": short(name)}) | reported(lines[0])
    return dict(sorted(found.items()))


def documented(path):
    """A script's docstring: its title, its fields by name, and the rest as "text".

    Only what begins a line is a field; its further lines stand in.
    """
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    title, _, rest = doc.partition("\n")
    fields = {word: " ".join(text.split()) for word, text in re.findall(FIELD, rest, re.MULTILINE)}
    return (
        {"title": title} | fields | {"text": re.sub(FIELD, "", rest, flags=re.MULTILINE).strip("\n").rstrip()}
    )


def reported(line):
    """The same of a line of results; {} where the script ended before it could say."""
    if "claim" not in line:
        return {}
    return {"title": line["title"], "Claim": line["about"], "Source": line["source"]}


def short(name):
    """The name of a script without what all have in common."""
    return name.removeprefix("reproduce_")


def counted(claims, told):
    """How many there are, and what came of them; what does not hold is named."""
    if not claims:
        return f"<p>{UNRUN if told else ABSENT}</p>"
    verdicts = [line["verdict"] for lines in claims.values() for line in lines]
    count = verdicts.count
    plural = lambda number, what: f"{number} {what}{'s' * (number != 1)}"
    of = f"{plural(count('holds') + count('fails'), 'claim')} of {plural(len(claims), 'script')}"
    counts = f"{of}: {count('holds')} hold{'s' * (count('holds') == 1)}"
    counts += f", {count('fails')} fail{'s' * (count('fails') == 1)}" if count("fails") else ""
    for verdict, words in (("error", "broke"), ("skipped", "skipped")):
        counts += f", {plural(count(verdict), 'script')} {words}" if count(verdict) else ""
    return f'<p class="lead">{counts}.</p>'


def verdict(lines):
    """The worst of a script's verdicts; "" where it was not run.

    >>> verdict([{"verdict": "holds"}, {"verdict": "fails"}])
    'fails'
    """
    found = {line["verdict"] for line in lines or ()}
    return next((one for one in ORDER if one in found), "")


def badge(word):
    """A verdict, in its colour."""
    return f'<span class="badge {word}">{word}</span>' if word else ""


def row(name, told, lines):
    """A script in the table of all."""
    found = verdict(lines)
    judged = [line for line in lines or () if "claim" in line]
    seconds = f"{judged[0]['seconds']:.1f}" if judged else ""
    title = prose.link(f"claims.{short(name)}.html", prose.marked(told["title"].rstrip(".")))
    source = prose.cited(told.get("Source", ""))
    return title, badge(found), str(len(judged) or ""), seconds, source


def page(name, told, lines):
    """A script: what it claims, after whom, what was found, its figure, and how to run it."""
    title, sign, rest = re.match(r"([^:?]*)([:?]?)\s*(.*)", told["title"].rstrip(".")).groups()
    where = prose.link("claims.html", "Claims")
    parts = [pages.heading(title + sign.replace(":", ""), "=")]
    parts.append(pages.raw(f'<p class="place">{where} &#183; <code>scripts/{name}.py</code></p>'))
    parts.append(pages.raw(pages.leading(rest) + said(told)))
    parts += [pages.heading("What came out"), pages.raw(outcome(lines))]
    if text := told.get("text"):
        parts += [pages.heading("How it is done"), pages.raw(pages.header(text))]
    return "".join([*parts, pages.heading("Try it"), pages.raw(again(name))])


def said(told):
    """The claim, its data and its source."""
    data = f"<p>Data: {prose.marked(told['Data'])}</p>" if "Data" in told else ""
    source = f'<p class="source">Source: {prose.cited(told["Source"])}</p>' if "Source" in told else ""
    return f"<p>{prose.marked(told.get('Claim', ''))}</p>{data}{source}"


def outcome(lines):
    """The verdicts with the figure, or why there are none."""
    if not lines:
        return "<p>It was not run for this book.</p>"
    first = lines[0]
    if "claim" not in first:
        return f"<p>{badge(first['verdict'])} {escape(first['reason'])}</p>"
    rows = [(badge(line["verdict"]), *compared(line)) for line in lines]
    size = "the small instance" if first["quick"] else "full size"
    versions = ", ".join(f"{package} {number}" for package, number in first["versions"].items())
    ran = f"Run on {size}, with seed {first['seed']}, in {first['seconds']:.1f} s; {escape(versions)}."
    table = tables.table(("verdict", "claim", "expected", "obtained"), rows, "claims")
    return f'{table}{picture(first)}<p class="seen">{ran}</p>'


def compared(line):
    """What is claimed, what was expected and what was obtained; a sentence without a number stands alone.

    >>> compared({"claim": "the error: 0.25, expected at most 0.5", "obtained": 0.25})
    ('the error', 'at most 0.5', '0.25')
    """
    if line["obtained"] is None:
        return prose.marked(line["claim"]), "", ""
    what, _, numbers = line["claim"].rpartition(": ")
    obtained, _, wanted = numbers.partition(", expected ")
    return prose.marked(what), escape(wanted).replace("+-", "&#177;"), escape(obtained)


def picture(line):
    """What the script drew."""
    if not line["figure"]:
        return ""
    alt = escape(line["title"], quote=True)
    return (
        f'<figure><img class="result" src="figures/claims/{Path(line["figure"]).name}" alt="{alt}"></figure>'
    )


def again(name):
    """The commands that run a script."""
    rows = [
        (f"<code>scripts/{name}.py --quick</code>", "this claim, in seconds"),
        (f"<code>scripts/{name}.py --figure {short(name)}.png</code>", "at full size, with the figure"),
    ]
    return tables.table(("command", "what it does"), rows, "commands")


def copy_figures(results, folder):
    """The figures of the results into a folder of the site's; those of an earlier book go."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in filter(None, (lines[0]["figure"] for lines in results.claims.values())):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(results.folder / file, folder)
