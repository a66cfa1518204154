"""The book in a browser: a few chapters built, opened from the file system, and looked at."""

import re
import shutil

import pytest
from browser import Browser

import ebm_ref
from ebm_ref.book import chapters, figures, site

pytest.importorskip("furo", reason="the extra `book` is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
HELD = {  # {chapter: the pages that are built of it}
    "energies": ("energies.alignment",),
    "losses": ("losses.perceptron", "losses.hinge", "losses.squared_hinge", "losses.nll"),
    "criteria": ("criteria.cross_entropy", "criteria.transducer"),
    "exact": ("exact.chain_nll", "exact.hidden_markov"),
    "learning": ("learning.contrastive_divergence",),
}


class Short(chapters.Chapter):
    """A chapter with few of its pages."""

    @property
    def pages(self):
        return [page for page in ebm_ref.READING_ORDER if page in HELD[self.name]]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site of a few pages; links that lead to others are not followed."""
    out = tmp_path_factory.mktemp("book")
    drawn = figures.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "draw", lambda name, file: drawn("hinge", file))  # one stands for all
        patch.setattr(site, "CHAPTERS", [Short(*c) for c in chapters.CHAPTERS if c.name in HELD])
        assert site.build(out) == len(list(out.glob("*.html"))) - 1  # beside these: search
    return out


@pytest.fixture(scope="module")
def browser():
    with Browser(CHROMIUM) as running:
        yield running


def test_nothing_comes_from_elsewhere(built):
    """Pages and style sheets name no other host in what a browser would fetch."""
    for page in built.glob("*.html"):
        fetched = re.findall(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="([^"]+)"', page.read_text())
        assert not [address for address in fetched if "//" in address], page.name
    for sheet in built.rglob("*.css"):
        addresses = re.findall(r"(?:url\(|@import )[\"']?([^\"')]*)", sheet.read_text())
        assert not [a for a in addresses if "//" in a and not a.startswith("data:")], sheet.name


def test_links_of_the_theme_lead_somewhere(built):
    pages = {page.name for page in built.glob("*.html")}
    order = re.findall(
        r'<a class="(?:next|prev)-page" href="([^"]+)"', (built / "losses.hinge.html").read_text()
    )
    assert order == ["losses.squared_hinge.html", "losses.perceptron.html"]
    assert set(order) <= pages


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["index", "losses", "losses.hinge", "learning.contrastive_divergence"])
def test_a_page_opens_without_complaint(built, browser, name, width):
    browser.open(f"file://{built}/{name}.html", width=width)
    assert browser.errors() == []
    assert [a for a in browser.requests() if not a.startswith(("file://", "data:"))] == []
    assert browser.run("document.documentElement.scrollWidth") <= width  # wide things scroll by themselves


@needs_browser
def test_mathematics_is_visible(built, browser):
    """Fractions stand above each other, and no formula is of no size."""
    browser.open(f"file://{built}/losses.hinge.html")
    sizes = browser.run("[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().height)")
    assert len(sizes) > 10
    assert min(sizes) > 5
    above, below = browser.run(
        "[...document.querySelector('mfrac').children].map(c => c.getBoundingClientRect().top)"
    )
    assert below > above + 5
    assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@needs_browser
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("hinge", "losses.hinge"),
        ("contrastive divergence", "learning.contrastive_divergence"),
        ("svm", "losses.hinge"),
        ("crf", "exact.chain_nll"),
        ("rnnt", "criteria.transducer"),
        ("dtw", "energies.alignment"),
        ("hmm", "exact.hidden_markov"),
        ("softmax loss", "criteria.cross_entropy"),
    ],
)
def test_the_search_finds(built, browser, words, page):
    browser.open(f"file://{built}/search.html?q={words.replace(' ', '+')}")
    browser.wait_for("/found/.test(document.querySelector('#search-results .search-summary')?.textContent)")
    found = browser.run(
        "[...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))"
    )
    assert any(address.startswith(f"{page}.html") for address in found[:3]), found
    assert browser.errors() == []


@needs_browser
def test_the_keyboard_is_enough(built, browser):
    """Tab reaches links one after the other, the first visible; what scrolls can be focused."""
    browser.open(f"file://{built}/losses.hinge.html")
    reached = []
    for _ in range(12):
        browser.press("Tab")
        reached.append(
            browser.run("document.activeElement.tagName + document.activeElement.textContent.trim()")
        )
    assert len(set(reached)) > 8
    assert "BODY" not in {r[:4] for r in reached}
    boxes = "[...document.querySelectorAll('article pre, article .table-wrapper')]"
    assert browser.run(f"{boxes}.filter(e => e.scrollWidth > e.clientWidth).every(e => e.tabIndex === 0)")


CONTRAST = """(() => {
  const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.map(linear);
                       return .2126 * r + .7152 * g + .0722 * b; };
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] > .99) return c.slice(0, 3); } return [255, 255, 255]; };
  const out = [];
  for (const e of document.querySelectorAll('article *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest('details:not([open])')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(behind(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) out.push([e.outerHTML.slice(0, 90), ratio]);
  }
  return out; })()"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(built, browser, scheme):
    """4.5 to 1 and more, as WCAG 2.1 asks, by day and by night."""
    browser.open(f"file://{built}/losses.hinge.html", scheme=scheme)
    assert browser.run(CONTRAST) == []
    dark = browser.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
