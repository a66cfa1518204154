r"""Edits in words: `a - b` where the text says `a + b` becomes "- b in place of + b".

    a + b -> a        without the term + b
    a / b -> a        not divided by b
    f(x) -> x         without f: f(x)
    x -> held(x)      held constant: x
    x -> y            y in place of x

Source: the text is the naive expression's.
"""

import ast

SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
LONGEST = 60
EXTREMES = {"larger": "maximum", "smaller": "minimum"}


def said(node):
    """The text of a node on one line, cut where it is long."""
    text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split()).replace(", strict=True", "")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def same(a, b):
    return a is b or ast.unparse(a) == ast.unparse(b)


def in_words(edit):
    """What an edit changes, for a reader who has the formula in mind."""
    old = getattr(edit.owner, edit.field)
    old = old if edit.index is None else old[edit.index]
    if isinstance(old, ast.Constant):
        return f"{said(edit.new)} in place of {said(old)}: {said(edit.owner)}"
    tell = TELLERS.get(type(old))
    return (tell(old, edit.new) if tell else "") or _general(old, edit.new)


def _general(old, new):
    if isinstance(new, ast.Call) and getattr(new.func, "id", "") == "held":
        return f"held constant: {said(old)}"
    if isinstance(new, ast.Pass):
        return f"without {said(old)}"
    return f"{said(new)} in place of {said(old)}"


def of_operation(old, new):
    a, b, sign = old.left, old.right, SIGNS.get(type(old.op), "?")
    if same(new, a):
        return {
            "+": f"without the term + {said(b)}",
            "-": f"without the term - {said(b)}",
            "*": f"without the factor {said(b)} of {said(old)}",
            "/": f"not divided by {said(b)}: {said(old)}",
            "**": f"without the power: {said(old)}",
        }.get(sign, "")
    if sign in "+-" and (same(new, b) or isinstance(new, ast.UnaryOp)):
        return f"without the term {said(a)}"
    if sign == "*" and same(new, b):
        return f"without the factor {said(a)} of {said(old)}"
    return ""


def of_sign(old, new):
    return f"without the minus of {said(old)}" if same(new, old.operand) else ""


def of_call(old, new):
    name = getattr(old.func, "id", getattr(old.func, "attr", ""))
    if len(old.args) == 1 and same(new, old.args[0]):
        return f"without {name}: {said(old)}"
    other = getattr(getattr(new, "func", None), "id", "")
    if other and other != name and ast.dump(ast.List(new.args)) == ast.dump(ast.List(old.args)):
        return f"{other} in place of {name}: {said(old)}"
    if name in ("larger", "smaller") and len(old.args) == 2 and any(same(new, x) for x in old.args):
        return f"{said(new)} without the {EXTREMES[name]}: {said(old)}"
    return ""


def of_comprehension(old, new):
    turn = said(old.iter)
    if len(new.ifs) < len(old.ifs):
        gone = next(c for c in old.ifs if not any(same(c, kept) for kept in new.ifs))
        return f"without the condition {said(gone)}"
    if not same(new.iter, old.iter):
        return f"{said(new.iter)} in place of {turn}"
    return f"condition turned round: {said(old.ifs[-1])}"


def of_choice(old, new):
    which = "always" if same(new, old.body) else "never"
    return f"{which} as if {said(old.test)}"


TELLERS = {
    ast.BinOp: of_operation,
    ast.UnaryOp: of_sign,
    ast.Call: of_call,
    ast.comprehension: of_comprehension,
    ast.IfExp: of_choice,
}
