r"""Performance: seconds beside what one would otherwise use, and beside what the machine allows.

A time by itself says little, so each row is a pair that was measured in turns, in one run: ours, and a
released library on the same numbers.  Beside it stands a limit, which is time that the work takes whoever
writes it: a page calls NumPy at least once, a kernel reads its table, an exact sum has a multiply-add for
each configuration.  What remains above the limit is what could still be gained.

    column     what it is
    ours       the best of all rounds, in seconds a call, an update or an effective draw
    ratio      theirs / ours: above 1 we are faster; below it the quartiles over the rounds
    target     the ratio that was wanted
    limit      its share of our time: where it is 100 %, nothing is left to be gained

An explicit gradient should be twice as fast as that of autograd, which evaluates the function forth and
back; everything else should be no slower than what it stands beside.  Ratios below these targets come
first, each with the reason.  Rows of samplers count effective draws where it
says so, because a fast step that hardly moves is no use.

Source: `scripts/benchmark.py` measures all of it, and has the code of both sides.
"""

from html import escape

from ebm_ref.book import pages, prose, tables

COMMAND = "scripts/benchmark.py --json DIR/benchmark.json"
UNITS = ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (1e-6, 1e6, "&#181;s"), (0.0, 1e9, "ns"))
FLOORS = {  # what every row is made of, as the benchmark's "machine" has it
    "numpy_call_s": "one call of NumPy, on 10 numbers",
    "copy_4096x1000_s": "a copy of 4096 x 1000 numbers",
    "exp_4096x1000_s": "as many exponentials, by NumPy",
    "multiply_add_s": "a multiply-add of a large matrix product",
}

TOLD = (
    "How many times faster than theirs, on a logarithmic axis: the best of all rounds as a dot, the quartiles"
    " over the rounds as a line, the target as a tick.  What stays below its target is hollow."
)
PICTURE = (
    f'<figure><img class="drawing" src="figures/ratios.svg" alt="{TOLD}" loading="lazy">'
    f"<figcaption>{TOLD}</figcaption></figure>"
)


def texts(results):
    """{name: text} of the page; without a benchmark it says how to run one."""
    found = results.benchmark
    body = pages.raw(unmeasured()) if found is None else measured(found)
    return {"performance": pages.opening(__doc__) + body}


def unmeasured():
    """What stands there without a benchmark: the commands that would measure and show one."""
    return (
        f"<p>No benchmark was given to this book.  <code>{COMMAND}</code> measures one, in some minutes on a"
        " machine that does nothing else, and <code>ebm-ref book --out SITE --results DIR</code> shows it"
        " here.</p>"
    )


def measured(found):
    """The sections: what misses its target, all rows by group, the machine."""
    rows = found["rows"]
    missed = [row for row in rows if row["ratio"] < row["target"]]
    parts = [pages.raw(f'<p class="lead">{counted(rows, missed)}.</p>{PICTURE}')]
    if missed:
        parts += [pages.heading("Below the target"), pages.raw(excused(missed))]
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        parts += [pages.heading(group), pages.raw(compared(own))]
    parts += [pages.heading("The machine, and what bounds everything"), pages.raw(machine(found))]
    return "".join(parts)


def draw(rows, file):
    """The ratios of all rows, group by group from above."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.style.context("ebm_ref.book.style"):
        figure, axes = plt.subplots(figsize=(7.5, 0.6 + 0.2 * len(rows)))
        places = range(len(rows), 0, -1)
        for place, row in zip(places, rows, strict=True):
            dot(axes, place, row)
        axes.set(xscale="log", xlabel="theirs / ours", ylim=(0.3, len(rows) + 0.7))
        axes.set_yticks([*places], [row["name"] for row in rows])
        axes.axvline(1.0, color="0.4", linewidth=0.8)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


def dot(axes, place, row):
    """A row: its ratio, the quartiles, and the target; hollow below it."""
    low, _, high = row.get("ratio_quartiles", (row["ratio"],) * 3)
    reached = row["ratio"] >= row["target"]
    axes.plot([low, high], [place, place], color="C0", linewidth=1.0)
    axes.plot(row["target"], place, "|", color="0.2", markersize=7)
    axes.plot(
        row["ratio"], place, "o", color="C0", markersize=4, markerfacecolor="C0" if reached else "white"
    )


def counted(rows, missed):
    """How many rows there are, and how many reach what was wanted."""
    faster = sum(row["ratio"] > 1.0 for row in rows)
    return (
        f"{len(rows)} rows: in {faster} ours is the faster, and {len(rows) - len(missed)} reach their target"
    )


def excused(missed):
    """The rows that do not, each with its reason."""
    rows = [(name(row), ratio(row), f"{row['target']:g}", because(row)) for row in missed]
    return tables.table(("row", "ratio", "target", "why"), rows, "speed")


def because(row):
    """The reason that the benchmark gives for a row."""
    return prose.marked(row.get("why") or "No reason is known.")


def compared(rows):
    """A group of rows: ours, theirs, their ratio, the target, and the limit beside our time."""
    before = [{}, *rows]
    held = [
        (
            name(row, row["about"] != last.get("about")) + "".join(map(small, notes(row))),
            duration(row["ours_s"]),
            duration(row["theirs_s"]) + small(escape(row["theirs"])),
            ratio(row),
            f"{row['target']:g}",
            limit(row),
        )
        for last, row in zip(before, rows, strict=False)
    ]
    return tables.table(("row", "ours", "theirs", "ratio", "target", "limit"), held, "speed")


def name(row, first=True):
    """The name of a row, and what it is about, the first time that this is said."""
    return tables.breakable(row["name"]) + (f"<br>{prose.marked(row['about'])}" if first else "")


def small(text):
    """A line below, in small letters."""
    return f"<br><small>{text}</small>"


def ratio(row):
    """Theirs to ours, with the quartiles over the rounds where there were several.

    >>> ratio({"ratio": 17163.0}), ratio({"ratio": 2.04, "ratio_quartiles": [1.9, 2.0, 2.2]})
    ('<strong>17,163</strong>', '<strong>2.0</strong><br><small>1.9 to 2.2</small>')
    """
    low, _, high = row.get("ratio_quartiles", (0, 0, 0))
    spread = small(f"{number(low)} to {number(high)}") if low else ""
    return f"<strong>{number(row['ratio'])}</strong>{spread}"


def number(value):
    """A ratio with two digits and more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def duration(seconds):
    """Seconds in the unit that suits them.

    >>> duration(0.00224), duration(3275.0), duration(2e-9)
    ('2.24&#160;ms', '3275&#160;s', '2.00&#160;ns')
    """
    _, factor, unit = next(each for each in UNITS if seconds >= each[0])
    value = seconds * factor
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}&#160;{unit}"


def limit(row):
    """What bounds a row, and the share of our time that this takes."""
    if "limit" not in row:
        return ""
    share = 100 * row["limit_s"] / row["ours_s"]
    shown = f"{share:.0f}" if share >= 1 else f"{share:.1g}"
    return f"{shown}&#160;%" + small(f"{escape(row['limit'])}, {duration(row['limit_s'])}")


def notes(row):
    """What else is known of a row."""
    if "error" in row:
        yield f"largest relative error of ours: {row['error']:.0e}"
    if "configurations_per_s" in row:
        yield f"{row['configurations_per_s']:.1e} configurations a second"
    if "ours_ess_per_s" in row:
        ours, theirs = row["ours_ess_per_s"], row["theirs_ess_per_s"]
        yield f"effective draws a second: {ours:,.0f}, theirs {theirs:,.0f}"
    if "ours_rhat" in row:
        yield f"R-hat {row['ours_rhat']:.3f}, theirs {row['theirs_rhat']:.3f}"
        worst = row["ours_worst_mcse"], row["theirs_worst_mcse"]
        yield "worst mean or variance, in standard errors: {:.1f}, theirs {:.1f}".format(*worst)


def machine(found):
    """The machine, the floors that were measured in the same run, and the versions."""
    here, versions = found["machine"], found.get("versions", {})
    what = f"{here['cores']} cores of {here['cpu']}, {here['system']}; one thread on either side."
    rows = [(words, duration(here[key])) for key, words in FLOORS.items() if key in here]
    told = ", ".join(f"{package} {number}" for package, number in versions.items())
    return (
        f"<p>{escape(what)}</p>{tables.table(('floor', 'takes'), rows, 'speed')}"
        f'<p class="seen">{escape(told)}.</p>'
    )
