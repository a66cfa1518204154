"""The book's pages: all that a record holds is on its page, and every link leads somewhere."""

import ast
import os
import re
import sys
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

import ebm_ref
from ebm_ref import FORMULAS
from ebm_ref.book import figures, listings, prose, sessions, site, tables
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.book.drawings import mixing, records
from ebm_ref.cli import main
from ebm_ref.cli.aliases import ALIASES
from ebm_ref.proof import evidence


@pytest.fixture(scope="module")
def texts():
    """{file: its reStructuredText}, of all pages."""
    return site.texts()


@pytest.fixture(scope="module")
def markup(texts):
    """{file: ids, addresses and open tags of its HTML}."""
    return {name: Anchors(raw_html(text)) for name, text in texts.items()}


class Anchors(HTMLParser):
    """Ids, addresses and open tags of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.addresses, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        self.ids += [held["id"]] if "id" in held else []
        self.addresses += [held[a] for a in ("href", "src") if a in held]
        if tag not in ("br", "img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def raw_html(text):
    """What the directives of a page hold."""
    return "\n".join(re.findall(r"^ {3}(.*)$", text, re.MULTILINE))


def test_a_chapter_holds_every_page_once():
    held = [page for chapter in CHAPTERS for page in chapter.pages]
    assert sorted(held) == sorted(ebm_ref.READING_ORDER)


def test_a_chapter_opens_with_a_text():
    """What it is about, which to choose, and a source."""
    for chapter in CHAPTERS:
        kinds = [kind for kind, _ in prose.pieces(chapter.text.partition("\n")[2])]
        assert kinds.count("text") >= 3, chapter.name
        assert "formulas" in kinds, chapter.name
        assert "Source:" in chapter.text, chapter.name


def test_no_link_is_broken_and_no_tag_left_open(markup):
    broken = []
    for name, page in markup.items():
        assert page.open == [], name
        for address in page.addresses:
            file, _, anchor = address.partition("#")
            if file.startswith(("http", "figures/")):
                continue
            target = markup.get(file.removesuffix(".html") or name)
            if target is None or (anchor and anchor not in target.ids):
                broken.append((name, address))
    assert not broken


def test_ids_are_unique_on_a_page(markup):
    for name, page in markup.items():
        assert len(page.ids) == len(set(page.ids)), (name, sorted(page.ids))


def words(html):
    """Text without tags, formulas and blanks, to look for sentences in."""
    return re.sub(r"[\W_]", "", unescape(re.sub(r"<[^>]*>", "", html)))


def in_plain(sentence):
    return words(prose.marked(sentence))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_page_shows_what_its_record_holds(name, texts):
    record, text = FORMULAS[name], raw_html(texts[prose.addresses()[name].removesuffix(".html")])
    plain = words(text)
    for row in (*record.cases, *record.variants):
        assert in_plain(row.name) in plain
    for variant in record.variants:
        assert in_plain(variant.symptom) in plain
        assert words(prose.cited(variant.seen_in)) in plain
    for refusal in record.refuses:
        assert in_plain(refusal) in plain
    for law in record.laws:
        assert in_plain(law.__doc__.splitlines()[0]) in plain
    assert f"ebm-ref check mymodule:my_{name} --as {name}" in text
    assert f"ebm-ref verify {name}" in text
    for argument in record.shapes:
        assert f"<code>{argument}</code>" in text
    exposing = {case.exposes for case in record.cases} & {v.name for v in record.variants}
    assert all(f'href="#{tables.variant_anchor(name, v)}"' in text for v in exposing)


def test_most_mistakes_are_shown_as_code():
    """Those that a page writes out; what it computes by a shared helper has no expression of its own."""
    shown = [
        bool(tables.variant_code(prose.addresses()[n].removesuffix(".html"), v.name))
        for n, v in every_variant()
    ]
    assert sum(shown) > 0.8 * len(shown)


def test_frameworks_and_identities_reach_their_pages(texts):
    assert "margin_ranking_loss" in texts["losses.hinge"]
    assert "0 counted among the wrong energies" in texts["losses.hinge"]
    assert words("For two answers nll is the log loss") in words(texts["losses.nll"])
    assert sum(len(rows) for rows in tables.verdicts().values()) > 100


def test_what_only_records_call_is_folded_away(texts):
    """A value and what it calls stay in sight; samples, laws and rules are folded, below the code."""
    folded = listings.behind_the_record("criteria.ctc")
    assert {folded[n] for n in ("random_sample", "random_target", "concave", "rules")} == {"samples"}
    assert not {"ctc", "ctc_gradient", "free_energy", "forward"} & set(folded)
    code, _, below = texts["criteria.ctc"].partition("<details><summary>Samples")
    assert 'id="free_energy"' in code
    assert 'id="random_target"' in below
    assert listings.behind_the_record("losses.hinge") == {
        "_every_violation_gradient": "variants",
        "_with_zero": "variants",
    }


def test_the_museum_has_every_variant(markup):
    """Those of the records, and those that a page keeps without one, in the hall of their chapter."""
    kept = [(page, v) for page in ebm_ref.READING_ORDER for v in tables.exhibits(page).get(page, ())]
    assert len(kept) > 20
    every = [*every_variant(), *kept]
    exhibits = {f"{prose.addresses()[n]}#{tables.variant_anchor(n, v.name)}" for n, v in every}
    shown = [a for name, page in markup.items() if name.startswith("museum.") for a in page.addresses]
    assert exhibits <= set(shown)
    assert len([a for a in shown if a in exhibits]) == len(every)


def every_variant():
    return [(n, v) for n, record in FORMULAS.items() for v in record.variants]


def test_sessions_show_what_the_command_says_today(texts):
    assert "mismatch: it computes: least offending answer pulled up" in texts["judge"]
    assert "energies taken for scores" in texts["judge"]
    assert " claims hold, 0 fail" in texts["proof"]
    for witness in evidence.WITNESSES:
        assert witness in texts["proof"]


def test_a_session_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="no-such-command"):
        sessions.session("no-such-command", {})


def test_every_alias_is_an_entry_of_the_search(texts):
    for alias, meant in ALIASES.items():
        for name in meant:
            page = prose.addresses()[name].removesuffix(".html")
            assert f"   ! single: {alias}\n" in texts[page], (alias, page)


def test_the_textbook_form_stands_before_the_code(texts):
    text = texts["criteria.ctc"]
    assert 0 < text.index("As the paper prints it") < text.index("The accurate code")
    assert (
        text.index('id="ctc_as_printed"') < text.index("The accurate code") < text.index('id="ctc_gradient"')
    )


def test_every_function_is_on_its_page(texts):
    for page in ebm_ref.READING_ORDER:
        functions = [n.name for n in ast.parse(listings.source(page)).body if isinstance(n, ast.FunctionDef)]
        missing = [f for f in functions if f'id="{f}"' not in texts[page]]
        assert not missing, page


def test_names_in_code_lead_to_their_pages():
    html = listings.listing("o = offender(E, y)", listings.names("losses.hinge"))
    assert '<a class="n" href="losses.offending.html#offender">offender</a>' in html
    assert "<a" not in listings.listing("f(offender=1)", listings.names("losses.hinge"))


def test_a_long_docstring_is_shortened_in_the_listing_alone(texts):
    assert "Required gap" not in listings.bodies("losses.hinge")
    assert '"""Hinge loss of one sample."""' in listings.bodies("losses.hinge")
    assert "Required gap" in texts["losses.hinge"]


def test_sources_are_linked():
    assert (
        prose.cited("lecun2006, Section 2")
        == '<a href="bibliography.html#lecun2006">lecun2006</a>, Section 2'
    )
    assert 'href="bibliography.html#hinton2002"' in prose.cited("Hinton (2002)")
    assert prose.cited("Nobody (1999)") == "Nobody (1999)"


def test_threads_are_linked():
    thread = "github.com/pytorch/pytorch/issues/52241"
    assert prose.marked(f"see {thread}.") == f'see <a href="https://{thread}">{thread}</a>.'


def test_figures_are_drawn_from_the_records(tmp_path):
    figures.draw("hinge", tmp_path / "hinge.svg")
    figures.draw("banana", tmp_path / "banana.svg")
    figures.draw("huber", tmp_path / "huber.svg")
    hinge, banana, huber = ((tmp_path / f"{n}.svg").read_text() for n in ("hinge", "banana", "huber"))
    assert hinge.count("<path") > 100  # areas and arrows
    rasters = {n: "<image" in text for n, text in (("hinge", hinge), ("banana", banana), ("huber", huber))}
    assert rasters == {n: figures.figures()[n].heat for n in rasters}
    assert banana.count("<path") > 100
    assert len({hinge, banana, huber}) == 3
    assert len(records.surfaces()) == 14
    assert len(records.curves()) > 20


CLAIMS = {  # of a loss of two energies, by hand
    "energy": "nothing is pulled up",
    "perceptron": "no margin",
    "hinge": "stops at a gap of 1.0",
    "nll": "fades as the gap grows",
    "mee": "gives up on far errors",
    "lvq2_ratio": "only the ratio counts",
    "square_square": "pins $E_C$ to 0, $E_I$ to 1.0",
}


def test_titles_of_surfaces_say_where_the_arrows_stop():
    assert {name: records.claim_of_surface(name) for name in CLAIMS} == CLAIMS


def test_valleys_are_counted_by_what_touches():
    rows = ["11011", "10001", "00000", "11011"]
    assert records.valleys(np.array([list(map(int, row)) for row in rows], bool)) == 4


QUICK = ("mixing", "coordinates", "instruments")
PLACED = [name for name, one in figures.figures().items() if "-" in name]


@pytest.mark.parametrize("name", [n for n in PLACED if n.rpartition("-")[2] in QUICK])
def test_a_figure_of_a_page_asserts_what_its_title_claims(name):
    """The quick ones; each raises an AssertionError where its numbers do not bear its title out."""
    import matplotlib.pyplot as plt

    drawing = figures.figures()[name].draw(plt)
    for axes in drawing.axes:
        assert axes.get_xlabel() or not axes.get_title() or len(drawing.axes) > 1
        assert axes.get_lines() or axes.collections
    plt.close(drawing)


def test_a_title_that_is_not_borne_out_is_an_error(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(mixing, "metropolis", lambda J, h: np.eye(8))  # a chain that never moves
    with pytest.raises(AssertionError):
        mixing.heat_bath(plt)


def test_every_figure_stands_where_it_is_shown():
    shown = {one.place for one in figures.figures().values()}
    assert shown <= set(ebm_ref.READING_ORDER) | {chapter.name for chapter in CHAPTERS}
    assert 'src="figures/samplers.hmc-paths-' in figures.figure_of("samplers.hmc", {})
    assert figures.figure_of("losses", {}).count("<figure>") == 2
    assert figures.figure_of("losses", {}).count('class="drawing heat"') == 2
    assert figures.figure_of("criteria", {}).count('class="drawing"') == 1
    assert figures.figure_of("losses.hinge", {"hinge": None}).count("<figure>") == 1
    assert figures.figure_of("checks", {}) == ""


def test_a_figure_hangs_on_the_pages_that_its_drawing_calls():
    made_of = figures.figures()["samplers.hmc-paths"].made_of
    assert {"book.drawings.paths", "samplers.hmc", "samplers.mala"} <= set(made_of)
    assert "samplers" not in made_of  # a package has no text of its own


def test_arrows_of_a_surface_point_downhill(monkeypatch):
    """What the axes are given is minus the gradient: E_C down, E_I up, wherever the hinge is positive."""

    class Axes:
        def quiver(self, right, wrong, step_right, step_wrong, **_):
            self.arrows = right, wrong, step_right, step_wrong

        def __getattr__(self, name):
            return lambda *_, **__: self

    axes = Axes()
    records.surface(axes, "hinge")
    right, wrong, step_right, step_wrong = axes.arrows
    errs = 1.0 + right - wrong > 0.0
    assert (step_right[errs] == -1.0).all()
    assert (step_wrong[errs] == 1.0).all()
    assert (step_right[~errs] == 0.0).all()


EVERY = {chapter.name for chapter in CHAPTERS} | set(ebm_ref.READING_ORDER)


def test_a_figure_is_drawn_anew_only_when_what_it_shows_has_changed(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "draw", lambda name, file: (drawn.append(name), file.write_text("")))
    figures.draw_all(tmp_path, EVERY)
    assert len(drawn) == len(set(drawn)) == len(list(tmp_path.iterdir())) > 40
    figures.draw_all(tmp_path, EVERY)
    assert len(drawn) == len(set(drawn))
    changed = figures.source
    monkeypatch.setattr(figures, "source", lambda page: changed(page) + "#" * (page == "losses.hinge"))
    figures.draw_all(tmp_path, EVERY)
    assert sorted(drawn[-3:]) == ["hinge", "losses", "losses-training"]
    assert len(list(tmp_path.iterdir())) == len(set(drawn))


def test_figures_are_drawn_by_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda name, file: file.write_text(str(os.getpid())))
    figures.draw_all(tmp_path, EVERY, jobs=2)
    by = {file.read_text() for file in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) > 40
    if sys.platform == "linux":
        assert str(os.getpid()) not in by


def test_what_a_process_raises_is_raised_here(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda name, file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figures.draw_all(tmp_path, EVERY, jobs=2)


def test_a_folder_with_something_else_is_left_alone(tmp_path, capsys):
    pytest.importorskip("furo", reason="the extra `book` is not installed")
    (tmp_path / "thesis.tex").write_text("")
    assert main.main(["book", "--out", str(tmp_path)]) == 2
    assert "must be an empty or new folder" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_without_sphinx_the_command_says_what_to_install(tmp_path, capsys, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main.main(["book", "--out", str(tmp_path / "book")]) == 2
    assert "pip install 'ebm_ref[book]'" in capsys.readouterr().err
    assert not (tmp_path / "book").exists()
