r"""Edits in words: `a - b` where the text says `a + b` becomes "- b in place of + b".

    a + b -> a        without the term + b
    a / b -> a        not divided by b
    f(x) -> x         without f: f(x)
    x -> held(x)      held constant: x
    x -> y            y in place of x

Source: the text is the naive expression's.
"""

import ast
import copy

SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
LONGEST = 60
CALLS = {  # of words that edits put in
    "held": "held constant",
    "sharp": "the largest term alone, hard for soft",
    "largest_alone": "the largest entry alone, hard for soft",
    "step": "1 where the sigmoid is above 1/2 and 0 elsewhere, hard for soft",
    "larger_of_1_and_exp": "the larger term alone, hard for soft",
    "expected_of_1_and_exp": "the mean energy in place of the free energy",
    "expected": "the mean energy in place of the free energy",
    "one_behind": "one step behind",
    "one_ahead": "one step ahead",
    "one_hot": "1 at the largest and 0 elsewhere, hard for soft",
}
EXTREMES = {"larger": "maximum", "smaller": "minimum"}


def said(node):
    """A node as mathematics on one line, cut where it is long.

    >>> said(ast.parse("sum(x ** 2 for x in d) / len(d) + P[i][j]").body[0].value)
    'sum(x^2)/(number of d) + P[i, j]'
    """
    plain = ast.fix_missing_locations(Plain().visit(copy.deepcopy(node)))
    text = " ".join(ast.unparse(plain).split()).replace(" ** ", "^").replace(" / ", "/").replace(" * ", " ")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


class Plain(ast.NodeTransformer):
    """Loops left out of sums, lengths in words, and indices side by side."""

    def visit_Call(self, node):
        self.generic_visit(node)
        first = node.args[0] if len(node.args) == 1 else None
        if isinstance(node.func, ast.Name) and node.func.id == "len" and first:
            return ast.Name(f"(number of {ast.unparse(first)})", ast.Load())
        if isinstance(first, ast.GeneratorExp | ast.ListComp) and not first.generators[0].ifs:
            node.args = [first.elt]
        node.keywords = [k for k in node.keywords if k.arg != "strict"]
        return node

    def visit_Subscript(self, node):
        self.generic_visit(node)
        inner, place = node.value, node.slice
        if isinstance(inner, ast.Subscript) and not isinstance(place, ast.Tuple | ast.Slice):
            outer = inner.slice.elts if isinstance(inner.slice, ast.Tuple) else [inner.slice]
            return ast.Subscript(inner.value, ast.Tuple([*outer, place], ast.Load()), ast.Load())
        return node


def same(a, b):
    return a is b or ast.unparse(a) == ast.unparse(b)


def in_words(edit):
    """What an edit changes, for a reader who has the formula in mind."""
    old = getattr(edit.owner, edit.field)
    old = old if edit.index is None else old[edit.index]
    if isinstance(old, ast.Constant):
        return f"{said(edit.new)} in place of {said(old)}: {said(edit.owner)}"
    tell = TELLERS.get(type(old))
    name = (tell(old, edit.new) if tell else "") or _general(old, edit.new)
    return f"{name}, where it says {said(edit.owner)}" if is_in_one_place(edit.owner, old) else name


def is_in_one_place(owner, old):
    """Whether a name stands in an operation or a call, which says where it is meant."""
    return isinstance(old, ast.Name) and isinstance(owner, ast.BinOp | ast.UnaryOp | ast.Call)


def _general(old, new):
    if isinstance(new, ast.Call) and getattr(new.func, "id", "") in CALLS:
        return f"{CALLS[new.func.id]}: {said(old)}"
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
    if getattr(getattr(new, "func", None), "id", "") in CALLS:
        return ""
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
