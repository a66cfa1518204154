"""What was measured, in the book: claims, performance, and the museum's halls say what their sources say."""

import json
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest

import ebm_ref
from ebm_ref import FORMULAS
from ebm_ref.book import claims, front, museum, pages, performance, results, site, tables
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.cli import main
from ebm_ref.proof.identities.catalogue import IDENTITIES

SCRIPTS = Path(__file__).parents[1] / "scripts"
SAID = {"title": "A title: what it shows.", "source": "LeCun et al. (2006), Table 1.", "seed": 3}
SAID |= {"about": "One thing is less than two.", "seconds": 1.25, "versions": {"numpy": "2.0"}, "quick": True}


def line(script, verdict, claim, obtained=None, expected=(None, None), figure="figures/one.png"):
    told = {"script": script, "verdict": verdict, "claim": claim, "obtained": obtained, "figure": figure}
    return SAID | told | {"expected": list(expected)}


LINES = (
    line("reproduce_one", "holds", "a sentence"),
    line("reproduce_one", "holds", "an error: 3e-17, expected at most 1e-16", 3e-17, (None, 1e-16)),
    line("reproduce_two", "holds", "paths: 16, expected 16", 16.0, (16.0, 16.0), "figures/lost.png"),
    line("reproduce_two", "fails", "a number: 5, expected 1 to 2", 5.0, (1.0, 2.0), "figures/lost.png"),
    {"script": "reproduce_three", "verdict": "error", "reason": "ValueError: 1 < 2 & so on"},
    {"script": "reproduce_four", "verdict": "skipped", "reason": "pip install it"},
)
ROW = {"name": "nll_page", "about": "A gradient.", "ours_s": 2e-6, "theirs_s": 3e-5, "theirs": "autograd 9"}
ROW |= {"ratio": 15.0, "ratio_quartiles": [14.0, 15.5, 17.0], "target": 2.0, "group": "Pages"}
ROW |= {"limit": "one call of NumPy", "limit_s": 5e-7}
SLOW = ROW | {"name": "slow_row", "ratio": 0.5, "target": 1.0, "group": "Chains", "why": "Plain Python."}
MACHINE = {"cpu": "Abacus & Sons", "cores": 2, "system": "Linux", "numpy_call_s": 4e-7}
BENCHMARK = {"machine": MACHINE, "versions": {"numpy": "2.0"}, "rows": [ROW, SLOW]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the scripts leave it, with a figure of one script and none of the other."""
    out = tmp_path_factory.mktemp("results")
    (out / "claims.jsonl").write_text("".join(json.dumps(each) + "\n" for each in LINES))
    (out / "benchmark.json").write_text(json.dumps(BENCHMARK))
    (out / "figures").mkdir()
    (out / "figures" / "one.png").write_bytes(b"a picture")
    return out


@pytest.fixture(scope="module")
def found(folder):
    """The chapter's pages, of the results alone: no script lies beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "SCRIPTS", folder)
        return claims.texts(results.read(folder))


def words(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))).split())


def rows_of(text):
    """The rows of all tables, as words."""
    return [words(row) for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)]


def test_the_summary_stands_first_and_what_fails_stands_first_in_it(found):
    assert list(found) == ["claims", *(f"claims.{name}" for name in ("four", "one", "three", "two"))]
    told = "4 claims of 4 scripts: 3 hold, 1 fails, 1 script broke, 1 script skipped."
    assert told in words(found["claims"])
    linked = re.findall(r'<td><a href="claims\.(\w+)\.html">', found["claims"])
    assert linked == ["three", "two", "four", "one"]
    assert rows_of(found["claims"])[-1] == "A title: what it shows holds 2 1.2 LeCun et al. (2006) , Table 1."


def test_a_page_says_what_is_claimed_expected_and_obtained(found):
    text = found["claims.two"]
    assert rows_of(text)[1:3] == ["holds paths 16 16", "fails a number 1 to 2 5"]
    for told in ("One thing is less than two.", "Source: LeCun et al. (2006)", "seed 3, in 1.2 s; numpy 2.0"):
        assert told in words(text)
    assert 'href="bibliography.html#lecun2006"' in text
    assert "scripts/reproduce_two.py --quick" in text
    assert rows_of(found["claims.one"])[1:3] == ["holds a sentence", "holds an error at most 1e-16 3e-17"]


def test_a_script_that_broke_or_was_skipped_says_why(found):
    assert "ValueError: 1 &lt; 2 &amp; so on" in found["claims.three"]
    assert "skipped pip install it" in words(found["claims.four"])


def test_figures_are_shown_and_copied_where_they_are(found, folder, tmp_path):
    assert 'src="figures/claims/one.png"' in found["claims.one"]
    assert "<img" not in found["claims.two"]
    copies = tmp_path / "claims"
    copies.mkdir()
    (copies / "old.png").write_bytes(b"")
    claims.copy_figures(results.read(folder), copies)
    assert [file.name for file in copies.iterdir()] == ["one.png"]
    claims.copy_figures(results.NONE, copies)
    assert not copies.exists()


def test_without_results_each_script_is_listed_with_claim_source_and_command():
    """What the docstrings say, read here once more by their columns."""
    texts = claims.texts(results.NONE)
    scripts = sorted(p.stem for p in SCRIPTS.glob("reproduce_*.py") if p.stem != "reproduce_all")
    assert list(texts)[1:] == [f"claims.{script.removeprefix('reproduce_')}" for script in scripts]
    for script in scripts:
        text = words(texts[f"claims.{script.removeprefix('reproduce_')}"])
        doc = (SCRIPTS / f"{script}.py").read_text().split('"""')[1]
        claim, source = (doc.partition(f"\n{field} ")[2].split()[:3] for field in ("Claim", "Source"))
        plain = lambda told: re.sub(r"[\W_]", "", "".join(told))
        assert plain(claim) in plain(text), script
        assert plain(source) in plain(text), script
        assert f"scripts/{script}.py --quick" in text
        assert "It was not run for this book." in text


def test_where_no_scripts_are_and_no_results_the_chapter_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(claims, "SCRIPTS", tmp_path)
    texts = claims.texts(results.NONE)
    assert list(texts) == ["claims"]
    assert "scripts/reproduce_all.py --out DIR" in texts["claims"]
    assert "a checkout of the repository has them" in texts["claims"]


def test_what_a_run_reported_stands_above_the_docstring_of_today(folder, monkeypatch, tmp_path):
    fields = "Claim   Another claim,\n        of two lines.\nSource  Nobody.\n"
    script = f'"""Of today.\n\n{fields}\nHow it is done, with\n\n    E = x^2\n"""\n'
    (tmp_path / "reproduce_one.py").write_text(script)
    monkeypatch.setattr(claims, "SCRIPTS", tmp_path)
    told = claims.known(results.read(folder))["reproduce_one"]
    assert (told["title"], told["Claim"]) == (SAID["title"], SAID["about"])
    assert told["text"].split() == "How it is done, with E = x^2".split()
    alone = claims.known(results.NONE)["reproduce_one"]
    assert (alone["Claim"], alone["Source"]) == ("Another claim, of two lines.", "Nobody.")


def test_performance_shows_both_sides_their_scatter_and_the_limit(folder):
    (text,) = performance.texts(results.read(folder)).values()
    assert "2 rows: in 1 ours is the faster, and 1 reach their target." in words(text)
    assert "nll_page A gradient. 2.00 µs 30.0 µs autograd 9 15.0 14.0 to 17.0 2 25 % one call" in words(text)
    below = text.partition("Below the target")[2].partition("Pages\n---")[0]
    assert rows_of(below)[1] == "slow_row A gradient. 0.50 14.0 to 17.0 1 Plain Python."
    assert "2 cores of Abacus & Sons, Linux" in words(text)
    assert "one call of NumPy, on 10 numbers 400 ns" in rows_of(text)


@pytest.mark.parametrize(("row", "filled"), [(ROW, True), (SLOW, False)])
def test_what_stays_below_its_target_is_hollow_in_the_picture(row, filled):
    """What the axes are given: a line, a tick at the target, and a dot that is filled where it is reached."""
    marks = []
    axes = SimpleNamespace(plot=lambda x, y, *shape, **look: marks.append((x, look)))
    performance.dot(axes, 1, row)
    assert [x for x, _ in marks] == [[14.0, 17.0], row["target"], row["ratio"]]
    assert (marks[-1][1]["markerfacecolor"] == marks[-1][1]["color"]) == filled


def test_without_a_benchmark_the_page_says_how_to_run_one():
    (text,) = performance.texts(results.NONE).values()
    assert f"<code>{performance.COMMAND}</code>" in text
    assert "Below the target" not in text


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("claims.md", "", "must be a folder with claims.jsonl or benchmark.json"),
        ("claims.jsonl", '{"script": "one"}\n', "{'script': 'one'}: must have the key verdict"),
        ("claims.jsonl", json.dumps(LINES[0] | {"claim": "x"})[:-9], "must be an object of JSON"),
        ("claims.jsonl", json.dumps({"script": "one", "verdict": "holds", "claim": "x"}), "the key expected"),
        ("benchmark.json", "[]", "benchmark.json: []: must be an object of JSON"),
        ("benchmark.json", '{"machine": {}, "rows": [{"name": "nll"}]}', "must have the key about"),
    ],
)
def test_results_that_are_none_are_refused(tmp_path, file, content, says, capsys):
    pytest.importorskip("furo", reason="the extra `book` is not installed")
    (tmp_path / file).write_text(content)
    out = tmp_path / "site"
    assert main.main(["book", "--out", str(out), "--results", str(tmp_path)]) == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_a_hall_for_each_chapter_and_an_entrance_that_counts():
    """The numbers of the entrance, against a count over all records and pages."""
    texts = museum.texts()
    kept = [v for page in ebm_ref.READING_ORDER for v in tables.exhibits(page).get(page, ())]
    every = [v for record in FORMULAS.values() for v in record.variants] + kept
    mistakes = sum(v.kind == "mistake" for v in every)
    assert f"{mistakes} mistakes and {len(every) - mistakes} conventions" in words(texts["museum"])
    halls = [name for name in texts if name != "museum"]
    rows = rows_of(texts["museum"])[1 : len(halls) + 1]
    counted = [[int(number) for number in row.split()[-4:]] for row in rows]
    assert [sum(column) for column in zip(*counted, strict=True)][1:3] == [mistakes, len(every) - mistakes]
    for hall, (_, *numbers, _) in zip(halls, counted, strict=True):
        assert len(rows_of(texts[hall])) - 1 == sum(numbers), hall


def test_a_page_of_identities_lists_what_it_measures():
    told = [i for i in IDENTITIES if not i.__doc__.startswith("Chain rule")]
    listed = [tables.identities(page) for page in ebm_ref.READING_ORDER if "identities" in page]
    assert sum(len(rows_of(text)) - 1 for text in filter(None, listed)) == len(told)
    assert "What holds" in pages.page("proof.identities.samplers")


def test_the_mistake_of_a_page_without_a_record_is_shown_with_its_code():
    text = pages.page("samplers.hmc")
    shown = text.partition("Mistakes and conventions")[2].partition("<details>")[0]
    assert 'id="samplers-hmc-no-half-kicks"' in shown
    assert 'id="without_the_last_half_kick"' in shown
    assert text.count('id="without_the_last_half_kick"') == 1


def test_the_site_holds_them(folder, tmp_path, monkeypatch):
    """Built strictly, without any module's page: contents, counts and figures are in place."""
    pytest.importorskip("furo", reason="the extra `book` is not installed")
    monkeypatch.setattr(claims, "SCRIPTS", tmp_path / "none")
    monkeypatch.setattr(site, "CHAPTERS", [c._replace(packages=()) for c in CHAPTERS if c.name == "claims"])
    out = tmp_path / "book"
    assert site.build(out, results.read(folder)) == len(list(out.glob("*.html"))) - 1  # beside these: search
    assert (out / "figures" / "claims" / "one.png").read_bytes() == b"a picture"
    assert (out / "figures" / "ratios.svg").stat().st_size > 1000
    index = (out / "index.html").read_text()
    assert re.search(r'href="claims.html">Claims</a></td><td>[^<]*</td><td>4</td>', index)
    assert 'href="claims.two.html"' in (out / "claims.html").read_text()


def test_the_book_is_cited_as_the_repository_is():
    """CITATION.cff, setup.cfg and the first page name the same authors, title, version and date."""
    cff = (SCRIPTS.parent / "CITATION.cff").read_text(encoding="utf-8")
    setup = (SCRIPTS.parent / "setup.cfg").read_text(encoding="utf-8")
    assert f"\nversion: {ebm_ref.__version__}\n" in cff and f"\nversion = {ebm_ref.__version__}\n" in setup
    assert f'\ndate-released: "{ebm_ref.__date__}"\n' in cff
    assert f'\ntitle: "{front.TITLE}"\n' in cff and f"  - name: {front.AUTHORS}\n" in cff
    assert front.reference() in site.cited() and ebm_ref.__version__ in front.bibtex()
