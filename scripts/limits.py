"""What no row of the benchmark can beat on this machine, what each should reach, and why one does not.

    measured()             seconds of a call of NumPy, of a copy, of exponentials, of a multiply-add
    limit(row, machine)    {"limit": words, "limit_s": seconds} of a row; {} where none is known
    judged(row)            {"group", "target"} of a row, and "why" where it stays below

A limit is time that the work itself takes, whoever writes it: a page must call NumPy at least once, a kernel
must read its table or take its products at the rate of the machine's own matrix product.
"""

import fnmatch

GROUPS = {
    "one_sample_call": "Pages",
    "*_page": "Pages",
    "*_lifted_*": "Pages",
    "log_partition_*": "Exact sums",
    "*moments_*": "Exact sums",
    "ground_states_*": "Exact sums",
    "gray_code_*": "Exact sums",
    "spin_chains*": "Chains",
    "random_walk_*": "Chains",
    "first_call_*": "First calls",
    "posterior_*": "Posteriors",
    "*": "Batches",
}
TARGETS = {
    "*_page": 2.0,
    "*_lifted_*": 2.0,
    "*": 1.0,
}  # autograd evaluates forth and back: 2 is what that costs

# a row: what it must do at least, how often, and the seconds of one
LIMITS = {
    "*_page": ("one call of NumPy", 1, "numpy_call_s"),
    "*_lifted_256x10": ("256 calls of NumPy", 256, "numpy_call_s"),
    "cross_entropy_128x10": ("1,280 exponentials of NumPy", 1280, "exponential_s"),
    "cross_entropy_4096x1000": ("a copy of its table", 1, "copy_4096x1000_s"),
    "ctc": ("a copy of its 320,000 numbers", 320_000 / 4_096_000, "copy_4096x1000_s"),
    "chain_64x100x20": ("its multiply-adds, forth and back", 3 * 64 * 99 * 400, "multiply_add_s"),
    "spin_chains_64*": ("an exponential of NumPy for each update", 1, "exponential_s"),
    "rbm_update": ("its multiply-adds", 5 * 100 * 16 * 16, "multiply_add_s"),
    "random_walk_sigma*": ("1,000 multiply-adds", 1000, "multiply_add_s"),
}
WHY = {  # a row that stays below its target: the reason
    "ctc*_page": "The recursion is walked three times in plain NumPy, to lose no digit, by autograd"
    " twice.  The kernel of the same name is there for speed.",
    "posterior_*": "A step of the page is plain Python, one of blackjax is compiled with its loop: in few"
    " dimensions the interpreter takes most of the time.",
}


def named(table, name):
    """What a table says of the first pattern that a row's name fits; None where none does."""
    return next((held for pattern, held in table.items() if fnmatch.fnmatchcase(name, pattern)), None)


def product_of(side=1024):
    """A matrix product as fast as the machine has it: side^3 multiply-adds."""
    import numpy as np

    a, b, into = np.ones((side, side)), np.ones((side, side)), np.empty((side, side))
    return lambda: np.matmul(a, b, out=into)


def measured(best_of):
    """Seconds of what every row is made of; `best_of` times functions in turns."""
    import numpy as np

    few, row, table = np.ones(10), np.linspace(-20.0, 0.0, 4096), np.ones((4096, 1000))
    into, other = np.empty_like(row), np.empty_like(table)
    call, exponentials, copy, product = best_of(
        [lambda: np.exp(few), lambda: np.exp(row, out=into), lambda: np.copyto(other, table), product_of()]
    )
    return {
        "numpy_call_s": call,
        "copy_4096x1000_s": copy,
        "exp_4096x1000_s": exponentials * 1000,
        "exponential_s": exponentials / 4096,
        "multiply_add_s": product / 1024**3,
    }


def limit(row, machine):
    """What bounds a row, in words and seconds.

    >>> limit({"name": "hinge_page"}, {"numpy_call_s": 4e-7})
    {'limit': 'one call of NumPy', 'limit_s': 4e-07}
    >>> limit({"name": "posterior_banana"}, {})
    {}
    """
    if "dgemm_s" in row:
        return {"limit": "a multiply-add a configuration, by dgemm", "limit_s": row["dgemm_s"]}
    if "import_s" in row:
        return {"limit": "the import of numba", "limit_s": row["import_s"]}
    words, times, of = named(LIMITS, row["name"]) or ("", 0, "")
    return {"limit": words, "limit_s": float(times * machine[of])} if words else {}


def judged(row):
    """The group of a row, the ratio that it should reach, and the reason where it does not.

    >>> judged({"name": "hinge_page", "ratio": 3.0})
    {'group': 'Pages', 'target': 2.0}
    """
    target = named(TARGETS, row["name"])
    missed = row["ratio"] < target
    return {"group": named(GROUPS, row["name"]), "target": target} | (
        {"why": named(WHY, row["name"]) or ""} if missed else {}
    )
