r"""Sessions: commands, and what they print, run while the book is made.

    session(command, files)      {name: text} are written to a folder of their own, where the command runs

What is shown is what the command says today, so that a session cannot grow old.

Source: the form is that of a terminal.
"""

import os
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

import ebm_ref
from ebm_ref.book import listings, prose

MINE = {
    "mine.py": '''import numpy as np


def my_hinge(energies, label, margin=1.0):
    """Hinge loss, in a hurry."""
    wrong = np.delete(energies, label)
    return max(0.0, margin + energies[label] - wrong.max())
'''
}
SHOWN = {  # {chapter: (what it shows, command, files)}
    "judge": (
        (
            "Somebody's hinge loss takes the largest wrong energy where it should take the lowest.  The judge"
            " is not told, and finds it out from the numbers.",
            "check mine:my_hinge --as hinge",
            MINE,
        ),
        (
            "It is one of the mistakes that are known of this formula.  The museum has them all, of every "
            "formula (`museum/`); here are those of the hinge, with what a user would notice.",
            "museum hinge",
            {},
        ),
    ),
    "proof": (("All witnesses of one formula, and how many claims of each hold:", "verify hinge", {}),),
}


def sessions(chapter):
    """The sessions of a chapter as HTML; "" where there are none."""
    return "".join(told(*each) for each in SHOWN.get(chapter, ()))


def told(text, command, files):
    """What a session shows, its files, the command and its output."""
    written = "".join(listings.listing(f"# {name}\n{content}") for name, content in files.items())
    terminal = escape(f"$ ebm-ref {command}\n{session(command, files).strip(chr(10))}")
    shown = f'<div class="highlight terminal"><pre tabindex="0">{terminal}</pre></div>'
    return f"<p>{prose.marked(text)}</p>{written}{shown}"


def session(command, files):
    """What the command prints, 80 columns wide.

    Raises RuntimeError if it fails: a verdict is no failure.
    """
    root = str(Path(ebm_ref.__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ebm_ref.cli.main", *command.split()],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "80", "NO_COLOR": "1"},
            capture_output=True,
            encoding="utf-8",
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"ebm-ref {command}: {done.stderr}")
    return done.stdout
