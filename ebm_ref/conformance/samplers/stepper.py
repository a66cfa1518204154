r"""The stepper: the process of a stranger's sampler, `python -P -m ebm_ref.conformance.samplers.stepper`.

    question    {"states", "width", "steps"}     rows of `width` numbers; so many steps from each
    answer      {"states"}                       the state after every step, chain by chain
                {"error", "states"}              what a step raised, the state before and the state given

It steps and does nothing else: exact draws, comparisons and verdicts are the judge's, in a process of his
own.  Numbers are float64 as the machine holds them, in hexadecimal.

Source: the protocol is this project's own.
"""

import json
import sys

import numpy as np

from ebm_ref.conformance.worker import conversation, imported, raised


class StepFailed(Exception):
    """A step raised or returned no state; `states` are (2, d): the one before the last, and the last."""

    def __init__(self, problem, states):
        super().__init__(problem)
        self.states = states


def walked(step, x, steps, rng):
    """(n, steps, d): the states after each step from the rows of x; each step is given a copy of its own."""
    paths = np.empty((len(x), steps, x.shape[1]))
    for path, state in zip(paths, x, strict=True):
        before = state
        for k in range(steps):
            try:
                path[k] = new = _state(step(state.copy(), rng), state)
            except Exception as problem:
                why = f"the step raised {raised(problem)}"
                raise StepFailed(why, np.array([before, state])) from problem
            before, state = state, new
    return paths


def _state(new, state):
    """What a step returned as a state like the one it was given; a ValueError for anything else."""
    if type(new) is np.ndarray and new.shape == state.shape and new.dtype == float:
        return new.copy()
    if new is None:
        raise ValueError("it returned None: it has to return the state, even if changed in place")
    if isinstance(new, tuple) and len(new) != len(state):
        raise ValueError(f"it returned a tuple of {len(new)}: it has to return the state alone")
    new = np.array(new)
    if new.dtype.kind not in "biuf":
        raise ValueError(f"it returned {new.dtype} where numbers are due")
    if new.shape != state.shape:
        raise ValueError(f"it returned shape {new.shape} for a state of shape {state.shape}")
    return new.astype(float)


def packed(x):
    """Numbers as text, to the last bit.

    >>> unpacked(packed(np.array([0.1, -0.0, np.inf])), 3)
    array([[ 0.1, -0. ,  inf]])
    """
    return np.ascontiguousarray(x, float).tobytes().hex()


def unpacked(text, width):
    """Rows of so many numbers; a ValueError if the text holds no such rows."""
    numbers = np.array(memoryview(bytes.fromhex(text)).cast("d"))
    return numbers.reshape(len(numbers) // width, width)


def reply(step, question, rng):
    """The answer to one question; nothing that the sampler raises gets past."""
    width = question["width"]
    try:
        x = unpacked(question["states"], width)
        return {"states": packed(walked(step, x, question["steps"], rng))}
    except StepFailed as problem:
        return {"error": f"{problem}", "states": packed(problem.states)}
    except BaseException as problem:  # SystemExit too
        return {"error": f"the step raised {raised(problem)}", "states": ""}


def noise(seed):
    """What the steps draw from: never what the judge draws from."""
    return np.random.default_rng(seed).spawn(2)[1]


def main(sampler, seed, descriptor):
    """Load the sampler, then step until there are no more questions."""
    questions, answers = conversation(descriptor)
    say = lambda answer: print(json.dumps(answer), file=answers, flush=True)
    try:
        rng = noise(int(seed))  # before the folder can be imported from
        step = imported(sampler)
        say({"ready": sampler})
    except BaseException as problem:
        return say({"failed": raised(problem)})
    for line in questions:
        say(reply(step, json.loads(line), rng))


if __name__ == "__main__":
    main(*sys.argv[1:])
