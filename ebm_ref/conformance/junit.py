r"""JUnit: the judge's report as continuous integration reads it, a test for each vector that counts.

    testsuite    a function in a dtype        testcase    a vector: passed, failed (mismatch), error, skipped

Source: the format of Apache Ant's JUnit task, as Jenkins, GitLab and GitHub read it.
"""

from xml.etree import ElementTree

import numpy as np

from ebm_ref.proof.golden import encode


def junit(reports):
    """The text of the file."""
    suites = ElementTree.Element("testsuites", name="ebm-ref check")
    for report in reports:
        for row in report.rows:
            _suite(suites, report, row)
        if report.failure:
            _error(suites, report.target, "is loaded", report.failure)
        if report.interrupted:
            _error(suites, report.target, "is asked everything", f"interrupted: {report.asked}")
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _error(suites, target, name, message):
    """A suite of one test, which is an error of the whole target."""
    suite = ElementTree.SubElement(suites, "testsuite", name=target, tests="1", errors="1")
    case = ElementTree.SubElement(suite, "testcase", classname=target, name=name)
    ElementTree.SubElement(case, "error", message=_legal(message))


def _suite(suites, report, row):
    vectors = {}
    for j in row.finite:
        vectors.setdefault(j.vector["id"], []).append(j)
    name = f"{report.target}.{row.formula}.{row.function}.{row.dtype}"
    suite = ElementTree.SubElement(suites, "testsuite", name=name, tests=f"{len(vectors)}")
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for identity, judgements in vectors.items():
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=identity)
        for kind, j in _outcome(row, judgements):
            counts[kind] += 1
            ElementTree.SubElement(case, kind, message=_legal(_message(row, j))).text = _legal(_told(j))
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, f"{counts[kind]}")


def _outcome(row, judgements):
    """The worst that is to be said of a vector, nothing where it passed: a convention passes."""
    kinds = {"error": "error", "mismatch": "failure", "unsupported": "skipped"}
    if row.verdict in ("match under convention", "known quirk"):
        kinds.pop("mismatch")
    for verdict, kind in kinds.items():
        for j in judgements:
            if j.verdict == verdict:
                return [(kind, j)]
    return []


def _message(row, j):
    """What a list of failures shows."""
    if j.detail:
        return j.detail
    what = "value" if j.output == "value" else f"gradient by {j.output}"
    names = row.explained.get(j.output, [])
    return f"{what} differs" + (f": it computes {' or '.join(names)}" if names else "")


def _told(j):
    shown = lambda x: f"{encode(np.asarray(x).tolist())}"
    lines = [f"{a} = {shown(x)}" for a, x in j.vector["inputs"].items()]
    if j.output:
        truth = j.vector["value"] if j.output == "value" else j.vector["gradients"][j.output]
        lines += [f"truth = {shown(truth)}", f"answer = {shown(j.answer)}"]
    return "\n".join(lines)


def _legal(text):
    """Without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n" or c.isprintable() else "?" for c in text)
