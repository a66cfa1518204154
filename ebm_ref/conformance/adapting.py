r"""Adapting: what the adapters of conformance/frameworks have in common.

    version()                                            name and version, as imported
    evaluate(adapter, inputs, differentiated, dtype)     (value, {argument: gradient}) of one sample
    ADAPTERS    {formula: {function: adapter}}           a literal dict of short functions
    KNOWN       {(formula, function, mistake): thread}   deviations that have a name and a thread

An adapter gives the framework's own function the inputs of a formula, in a sign or scale that makes it
the formula's, and does nothing else: what the framework gets wrong must stay wrong.  Where the function
can express some inputs only it raises `Unsupported`.  Differentiation is the framework's own too; an
argument that it does not differentiate by is left out of the answer.

KNOWN entries are shown with their thread and do not fail the run.  A deviation that nobody has reported
is there as well, as a finding of this project.

Source: the interface is this project's own.
Before: diagnose.py.  Next: frameworks/torch.py.
"""

import numpy as np

FINDING = "finding of this project"


class Unsupported(Exception):
    """The framework has no such function, or not for these inputs."""


def only(holds, what):
    """Raise `Unsupported` unless these inputs can be expressed; `what` says which ones can.  Returns True."""
    if not holds:
        raise Unsupported(what)
    return True


def converted(inputs, differentiated, array):
    """The inputs, arrays and differentiated numbers as the framework's own: `array(x, is_real)`.

    Margins, labels and the like stay Python's own numbers, as a user would give them.
    """
    return {
        a: array(x, a in differentiated or np.asarray(x).dtype.kind == "f")
        if a in differentiated or isinstance(x, np.ndarray)
        else x
        for a, x in inputs.items()
    }
