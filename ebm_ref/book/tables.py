r"""Tables: a record as a reader meets it.

    arguments   shapes and domain          cases      evaluations worked by hand, and what each exposes
    variants    what others compute        refusals   what it will not take
    laws        what it claims             links      identities with other formulas
    frameworks  who computes it, and how well

Source: the records are those of `ebm_ref/formula.py`.
"""

import ast
import importlib
import inspect
import re
from functools import cache
from html import escape

from ebm_ref.book import listings, prose
from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import source
from ebm_ref.cli.text import brief
from ebm_ref.proof.identities.catalogue import IDENTITIES

FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX", "optax": "optax", "keras": "Keras", "sklearn": "scikit-learn"}
FRAMEWORKS |= {"crf": "pytorch-crf and torch-struct"}


def table(columns, rows, kind=""):
    """An HTML table, in a box that scrolls by itself where the screen is narrow."""
    head = "".join(f'<th scope="col">{c}</th>' for c in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="table-wrapper" tabindex="0" role="region" aria-label="{columns[0]}">'
        f'<table class="docutils {kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def breakable(name):
    """A name of code that may go on in the next line behind its underscores and dots."""
    broken = re.sub("([_.])", "\\1<wbr>", escape(name))
    return f"<code>{broken}</code>"


def sections(doc):
    """{heading: lines} of a NumPy docstring; "" is what stands above, "Raises" a sentence."""
    found, name = {"": []}, ""
    lines = doc.splitlines()
    for k, one in enumerate(lines):
        if k + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[k + 1].strip()):
            name = one.strip()
            found[name] = []
        elif one.startswith(("Raises", ">>>")) and name != "Example":
            name = "Example" if one.startswith(">>>") else "Raises"
            found[name] = [one]
        elif not re.fullmatch(r"-{3,}", one.strip()):
            found[name].append(one)
    return found


def described(lines):
    """(what, description) of a section's entries: what stands at the margin, and the indented lines below."""
    entries = []
    for one in lines:
        if one.strip() and not one.startswith(" "):
            entries.append([one.strip(), ""])
        elif one.strip() and entries:
            entries[-1][1] += " " + one.strip()
    return entries


def arguments(record):
    """Arguments with shapes and meaning, then the result, then what is refused."""
    doc = sections(inspect.getdoc(record.value) or "")
    told = {}
    for what, meaning in described(doc.get("Parameters", [])):
        name, _, kind = what.partition(" : ")
        told |= {one: (kind, meaning) for one in re.split(r",\s*", name)}
    rows = []
    for name, axes in record.shapes.items():
        kind, meaning = told.get(name, ("", ""))
        shape = f"({', '.join(axes)})" if axes else "number"
        rows.append((f"<code>{name}</code>", (kind and prose.marked(kind)) or shape, prose.marked(meaning)))
    for what, meaning in described(doc.get("Returns", [])):
        rows.append(("<em>result</em>", prose.marked(what), prose.marked(meaning)))
    raises = prose.marked(" ".join(" ".join(doc.get("Raises", [])).split()))
    return table(("argument", "shape and domain", "meaning"), rows) + (f"<p>{raises}</p>" if raises else "")


def gradients(record):
    """The explicit derivatives, and what their docstrings say."""
    rows = [
        (f'<a href="#{g.__name__}"><code>{g.__name__}</code></a>', prose.marked(summary(g)))
        for g in record.gradients.values()
    ]
    return table(("gradient", "what it returns"), rows) if rows else ""


def summary(function):
    """The first paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())


def example(record):
    """The doctest of the value, if it has one."""
    lines = sections(inspect.getdoc(record.value) or "").get("Example", [])
    return listings.listing("\n".join(lines)).replace("<pre", '<pre aria-label="example"') if lines else ""


def cases(name, record):
    """Worked cases: inputs, value, gradients, and the mistake that each exposes."""
    rows = []
    for case in record.cases:
        exposes = "; ".join(
            f'<a href="#{variant_anchor(name, v)}">{prose.marked(v)}</a>' for v in exposed(record, case)
        )
        result = f"<code>{escape(brief(case.value))}</code>" + "".join(
            f"<br><small>by {a}</small> <code>{escape(brief(g))}</code>" for a, g in case.gradients.items()
        )
        inputs = "<br>".join(
            f"<small>{a}</small> <code>{escape(brief(x))}</code>" for a, x in case.inputs.items()
        )
        rows.append((prose.marked(case.name), inputs, result, exposes))
    return table(("case", "inputs", "value and gradients", "exposes"), rows, "cases")


def exposed(record, case):
    """The variant that a case names."""
    return [v.name for v in record.variants if v.name == case.exposes]


def variant_anchor(name, variant):
    """The anchor of a mistake on the page of its formula."""
    return f"{prose.anchor(name)}-{prose.anchor(variant)}"


def exhibits(page):
    """{formula: its variants} of a page; those that the page keeps without a record, under its own name."""
    held = {name: tuple(record.variants) for name, record in uses(page).items()}
    kept = tuple(getattr(importlib.import_module(f"ebm_ref.{page}"), "VARIANTS", ()))
    return {name: found for name, found in (held | {page: kept}).items() if found}


def variants(name, found, page):
    """What others compute under this name: its code, where it was seen, and what a user sees."""
    return "".join(variant(f"{variant_anchor(name, v.name)}", v, page) for v in found)


def variant(anchor, v, page):
    """One of them."""
    parts = [f'<h4 id="{anchor}"><span class="badge {v.kind}">{v.kind}</span> {prose.marked(v.name)}</h4>']
    if v.symptom:
        parts.append(f"<p>Symptom: {prose.marked(v.symptom)}.</p>")
    if code := variant_code(page, v.name):
        parts.append(listings.listing(code, listings.names(page), spelled_out(page)))
    if v.seen_in:
        parts.append(f'<p class="seen">Seen in {prose.cited(v.seen_in)}.</p>')
    return "".join(parts)


@cache
def variant_nodes(page):
    """{name: expression} of the variants that a page's source writes out, in a table or one by one."""
    found = (pair for node in ast.walk(listings.tree(page)) for pair in named_variants(node))
    return {key.value: held for key, held in found if held is not None and isinstance(key, ast.Constant)}


def named_variants(node):
    """(name, expression) of those that a table holds, or a call names itself."""
    if isinstance(node, ast.Dict):
        return [(k, computed(v)) for k, v in zip(node.keys, node.values, strict=True)]
    if isinstance(node, ast.Call):
        return [(keyword.value, computed(node)) for keyword in node.keywords if keyword.arg == "name"]
    return []


def computed(node):
    """The first argument where a node makes a variant, else None."""
    made = isinstance(node, ast.Call) and ast.unparse(node.func) in ("Mistake", "Convention")
    return node.args[0] if made and node.args else None


def variant_code(page, name):
    """The expression of a variant, as the page has it; of a function that nothing else calls, its body."""
    node = variant_nodes(page).get(name)
    if isinstance(node, ast.Name) and node.id in spelled_out(page):
        return listings.bodies(page, only=[node.id])
    text = node and ast.get_source_segment(source(page), node, padded=True)
    return re.sub(r"\n {8,12}(?=\S|    )", "\n", text).strip() if text else ""


@cache
def spelled_out(page):
    """Functions that are shown where the mistake is: those of variants that a page keeps without a record."""
    named = {node.id for node in variant_nodes(page).values() if isinstance(node, ast.Name)}
    kept = {getattr(v.value, "__name__", "") for v in exhibits(page).get(page, ())}
    return tuple(sorted(named & kept & set(listings.behind_the_record(page))))


def refusals(record):
    """What it refuses, and the argument that the error names."""
    rows = [
        (prose.marked(what), f"<code>{argument}</code>") for what, (_, argument) in record.refuses.items()
    ]
    return table(("it refuses", "and the error names"), rows) if rows else ""


def laws(record):
    """The properties that hold at random points."""
    lines = "".join(f"<li>{prose.marked(law.__doc__.splitlines()[0])}</li>" for law in record.laws)
    return f"<ul>{lines}</ul>" if lines else ""


def links(name):
    """Identities that link a formula to others."""
    rows = [(said, named(others, name)) for _, said, others in told_identities() if name in others]
    return table(("identity", "with"), rows) if rows else ""


def identities(page):
    """The identities that a page measures, and the formulas that each is about."""
    rows = [(said, named(names)) for module, said, names in told_identities() if module == f"ebm_ref.{page}"]
    return table(("identity", "of"), rows) if rows else ""


@cache
def told_identities():
    """(module, sentence, formulas) of each identity; the chain rule says the same of every pair."""
    return [
        (identity.__module__, prose.marked(quoted(summary(identity), names)), names)
        for identity, names in IDENTITIES.items()
        if not identity.__doc__.startswith("Chain rule")
    ]


def quoted(sentence, names):
    """A sentence with the names of these formulas as names of code; `log` and `energy` may be words.

    >>> quoted("mee = 1 - e^{-beta L}, L the nll", ("mee", "nll"))
    '`mee` = 1 - e^{-beta L}, L the `nll`'
    """
    marked = "|".join(sorted({*names} - {"log", "energy"}, key=len, reverse=True))
    return re.sub(rf"\b(?<!-)({marked})\b(?!['-]| rule)", r"`\1`", sentence) if marked else sentence


def named(formulas, but=""):
    """Formulas as links."""
    return ", ".join(prose.special(f"`{name}`") for name in formulas if name != but)


@cache
def verdicts():
    """{formula: [(framework, function, float32, float64, cause)]} from the frameworks' page."""
    found, text = {}, prose.packaged("conformance/frameworks/README.md")
    for key, label in FRAMEWORKS.items():
        block = text.partition(f"<!-- {key} -->")[2].partition(f"<!-- /{key} -->")[0]
        for row in re.findall(r"^\| (\w+) \| `(.+?)` \| (.*?) \| (.*?) \| (.*?) \|$", block, re.MULTILINE):
            found.setdefault(row[0], []).append((label, *row[1:]))
    return found


def frameworks(name):
    """What each framework does under this name."""
    rows = []
    for label, function, single, double, cause in verdicts().get(name, []):
        badges = [f'<span class="badge {prose.anchor(v)}">{v or "-"}</span>' for v in (single, double)]
        rows.append((label, f"<code>{escape(function)}</code>", *badges, prose.marked(cause)))
    return table(("framework", "function", "float32", "float64", "cause"), rows) if rows else ""


def uses(page):
    """The records of a page, by name."""
    return {n: r for n, r in FORMULAS.items() if prose.addresses()[n] == f"{page}.html"}
