r"""Masks: what a formula leaves out counts all the same, as the number 0, or as a factor of 1.

    [E_j for j in others]         ->  [E_j if j != y, else 0]       multiplied by a mask, not left out
    [a[r] for r in before if r in a]  ->  [a[r] if r in a, else 0]  a table that has a border of zeros
    if beyond the band: continue  ->  the cell is 0                 forbidden pairs cost nothing

An energy of 0 is a weight e^0 = 1, so both numbers are tried; of a table the borders one by one, too.

Source: the list is of what was found in implementations.
"""

import ast

from ebm_ref.conformance.hypotheses.words import said
from ebm_ref.proof.mutants import Edit, called, places

COUNTED = 0, 1
SIDES = ("before the first row", 0), ("before the first column", 1)


def edits(function, name):
    """Every edit of this kind, each with its own words."""
    excluded = _names_of_others(function)
    for owner, field, index, node in places(function):
        for new, text in [*chosen(node, excluded), *counted(node, excluded), *passed(node)]:
            yield Edit(owner, field, index, new, name, text)


def _names_of_others(function):
    """{name: the call of others(...) that it was given}."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_others(node.value):
            found[node.targets[0].id] = node.value
    return found


def read(target):
    """What a loop assigns, as it is read."""
    return ast.Name(target.id, ast.Load())


def is_others(node):
    return isinstance(node, ast.Call) and called(node) == "others"


def chosen(node, excluded):
    """Pairs (index, what is said) where one of the others is chosen, and what is masked is among them."""
    if not isinstance(node, ast.Subscript) or getattr(node.value, "id", "") not in excluded:
        return
    if isinstance(node.slice, ast.Call) and called(node.slice) == "lowest":
        for among, text in counted(node.slice.args[0], excluded):
            yield ast.Call(node.slice.func, [among], []), text


def counted(node, excluded):
    """Pairs (comprehension, what is said) where a condition, or an entry that is left out, counts."""
    if not isinstance(node, ast.GeneratorExp | ast.ListComp) or len(node.generators) != 1:
        return
    loop, wrong = node.generators[0], excluded.get(getattr(node.generators[0].iter, "id", ""))
    wrong = loop.iter if is_others(loop.iter) else wrong
    if wrong is not None:
        every = ast.Call(ast.Name("range", ast.Load()), wrong.args[:1], [])
        left_out = ast.Compare(read(loop.target), [ast.NotEq()], wrong.args[1:])
        yield from _with_numbers(node, ast.comprehension(loop.target, every, loop.ifs, 0), left_out)
    for condition in loop.ifs:
        rest = [c for c in loop.ifs if c is not condition]
        yield from _with_numbers(node, ast.comprehension(loop.target, loop.iter, rest, 0), condition)
        yield from _borders(node, loop, condition)


def _with_numbers(node, loop, condition, where=""):
    for c in COUNTED:
        element = ast.IfExp(condition, node.elt, ast.Constant(c))
        yield type(node)(element, [loop]), f"{c} where it is not that {said(condition)}{where}"


def _borders(node, loop, condition):
    """One border of a table, whose keys are pairs."""
    is_pair = isinstance(loop.iter, ast.Tuple) and all(isinstance(e, ast.Tuple) for e in loop.iter.elts)
    for where, axis in SIDES if is_pair and isinstance(loop.target, ast.Name) else ():
        outside = ast.Compare(
            ast.Subscript(read(loop.target), ast.Constant(axis), ast.Load()), [ast.Lt()], [ast.Constant(0)]
        )
        open_there = ast.comprehension(
            loop.target, loop.iter, [ast.BoolOp(ast.Or(), [condition, outside])], 0
        )
        yield from _with_numbers(node, open_there, condition, f", {where}")


def passed(node):
    """Pairs (loop, what is said) where what `continue` leaves out counts."""
    if not isinstance(node, ast.For) or not isinstance(node.target, ast.Tuple):
        return
    for i, statement in enumerate(node.body):
        if isinstance(statement, ast.If) and isinstance(statement.body[0], ast.Continue):
            for c in COUNTED:
                cell = ast.Assign([ast.Name(node.target.elts[-1].id, ast.Store())], ast.Constant(c))
                instead = ast.If(statement.test, [cell], [])
                body = [*node.body[:i], instead, *node.body[i + 1 :]]
                yield ast.For(node.target, node.iter, body, []), f"{c} where {said(statement.test)}"
