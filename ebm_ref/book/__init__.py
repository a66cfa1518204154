r"""How this book is made: headers become pages that are read offline.

The header of a module is the manuscript.  Whoever opens the source reads the same text, the same formulas
and the same code; the book adds typesetting, links and a search.  There is no second text that could
disagree with the first.

A line of a header is cut into tokens, and parsed into MathML, which every browser sets by itself.  Records
become tables, code is highlighted and each name in it leads to where it is written.  What remains is
Sphinx's: pages, contents, and a search index that needs no server.  What the converter cannot read keeps
the letters of a typewriter, and a test holds such lines below 2 %.

    to change                  edit
    how a formula is read      `book.parser`, `book.fractions`
    what is found in prose     `book.inline`
    the order of a page        `book.pages`
    what a record shows        `book.tables`
    pictures                   `book.figures`, `book.drawings.records` and others
    style                      book.css

The command is `ebm-ref book --out DIR`; it needs the extra `book`.

Source: W3C, MathML Core; the documentation of Sphinx and of its theme Furo.
"""
