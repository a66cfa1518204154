r"""Metropolis-Hastings: propose a move, and accept it often enough that the target stays put.

    a(x, x')   = min(1, r)
    log r      = [log p(x') - log p(x)] + [log q(x|x') - log q(x'|x)]

    log a      = min(0, (v - u) + (b - f))
    d(log a)/du = -[a < 1]         u = log p(x)
    d(log a)/dv = [a < 1]          v = log p(x')
    d(log a)/df = -[a < 1]         f = log q(x'|x), the way forth
    d(log a)/db = [a < 1]          b = log q(x|x'), the way back

q(x'|x) is the density of proposing x' from x.  The flux p(x) q(x'|x) a(x, x') is then the smaller of
p(x) q(x'|x) and p(x') q(x|x'), hence the same in both directions.  This is detailed balance, for any q that
can go back where it came from.  p may lack its normaliser.  If q is symmetric its two terms cancel.

a = 1 is a trap where states are discrete.  If nothing ever costs anything, the chain has no choice: two
states alternate for ever, and moves that are made in turn can lead round in a small class of states.
A common factor cures that and keeps the balance, since the way back takes it, too.  So the discrete samplers
of this book are content with (15/16) a.  A ceiling, min(15/16, r), would not keep the balance, and an
exception for r = 1 would not help where r is nearly 1.

Noise comes in, a state comes out.  The coin is a number e ~ Exp(1), which is -log of a uniform one: u < r
becomes e > -log r, so no logarithm of u is needed and nothing underflows.  If that minus is lost, what should
be refused is accepted; the variants below were all in released samplers.

Source: Metropolis et al. (1953); Hastings (1970), "Monte Carlo Sampling Methods Using Markov Chains".
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, misfit
from ebm_ref.numerics import softplus

MOVES = 15.0 / 16.0  # how often a discrete move is made that lowers the energy: none is certain


def metropolis_hastings(log_p, log_p_new, log_q_forth=0.0, log_q_back=0.0):
    """Logarithm of the probability of accepting a proposed move.

    Parameters
    ----------
    log_p, log_p_new : float
        log p(x), log p(x') up to the same constant; x has p(x) > 0, x' may have p(x') = 0, -inf.
    log_q_forth, log_q_back : float
        log q(x'|x), the move that was made, and log q(x|x'), the way back: -inf if there is none.

    Returns
    -------
    float
        log a <= 0; -inf if the move is impossible.

    Raises ValueError if log p(x) or log q(x'|x) is infinite: the chain cannot stand there, nor have moved
    so.  If log p(x') or log q(x|x') is +inf.

    >>> float(np.exp(metropolis_hastings(0.0, np.log(0.25))))  # a quarter as likely
    0.25
    """
    return log_acceptance(*FORMULA.checked(log_p, log_p_new, log_q_forth, log_q_back))


def metropolis_hastings_log_p_gradient(log_p, log_p_new, log_q_forth=0.0, log_q_back=0.0):
    """d log a / d log p(x): -1 where a < 1, else 0."""
    return -refusable(*FORMULA.checked(log_p, log_p_new, log_q_forth, log_q_back))


def metropolis_hastings_log_p_new_gradient(log_p, log_p_new, log_q_forth=0.0, log_q_back=0.0):
    """d log a / d log p(x'): 1 where a < 1, else 0."""
    return refusable(*FORMULA.checked(log_p, log_p_new, log_q_forth, log_q_back))


def metropolis_hastings_log_q_forth_gradient(log_p, log_p_new, log_q_forth=0.0, log_q_back=0.0):
    """d log a / d log q(x'|x): -1 where a < 1, else 0."""
    return -refusable(*FORMULA.checked(log_p, log_p_new, log_q_forth, log_q_back))


def metropolis_hastings_log_q_back_gradient(log_p, log_p_new, log_q_forth=0.0, log_q_back=0.0):
    """d log a / d log q(x|x'): 1 where a < 1, else 0."""
    return refusable(*FORMULA.checked(log_p, log_p_new, log_q_forth, log_q_back))


def log_acceptance(u, v, f, b):
    """log a of what was checked."""
    return np.minimum(0.0, (v - u) + (b - f))


def refusable(u, v, f, b):
    """[a < 1], and NaN where a is."""
    log_a = log_acceptance(u, v, f, b)
    return np.nan if np.isnan(log_a) else float(log_a < 0.0)


def rules(log_p, log_p_new, log_q_forth, log_q_back):
    """The chain stands somewhere, and has moved in a way that exists."""
    require(np.abs(log_p) != np.inf, "log_p", log_p, "must be finite: the chain stands there")
    require(np.abs(log_q_forth) != np.inf, "log_q_forth", log_q_forth, "must be finite: the move was made")
    require(log_p_new != np.inf, "log_p_new", log_p_new, "must be below infinity")
    require(log_q_back != np.inf, "log_q_back", log_q_back, "must be below infinity")


def detailed_balance(formula, inputs, rng):
    """log a(x, x') - log a(x', x) = log r: the flux is the same in both directions."""
    p, new, forth, back = inputs.values()
    there, home = formula.value(p, new, forth, back), formula.value(new, p, back, forth)
    C = sum(abs(number) for number in (p, new, forth, back))
    return abs((there - home) - ((new - p) + (back - forth))) / (16 * UNIT * C)


def only_the_ratio_counts(formula, inputs, rng):
    """What is put into q instead of p changes nothing: a function of p(x') q(x|x') / p(x) q(x'|x)."""
    p, new, forth, back = inputs.values()
    moved = {"log_p": p + forth, "log_p_new": new + back, "log_q_forth": 0.0, "log_q_back": 0.0}
    return misfit(formula, inputs, moved)


def accepts(log_acceptance, exponential):
    """Whether a coin e ~ Exp(1) accepts, which has the probability e^log_acceptance.

    >>> bool(accepts(np.log(0.25), exponential=1.3)), bool(accepts(np.log(0.25), exponential=1.5))
    (False, True)
    """
    return exponential > -log_acceptance


def of_probability(logarithm, gradient):
    """The gradient of a probability: that of its logarithm, times the probability."""
    return lambda *inputs: np.exp(logarithm(*inputs)) * gradient(*inputs)


NAMES = ("log_p", "log_p_new", "log_q_forth", "log_q_back")

FORMULA = Formula(
    value=metropolis_hastings,
    signature="(),(),(),()->()",
    source="hastings1970",
    gradients={
        "log_p": metropolis_hastings_log_p_gradient,
        "log_p_new": metropolis_hastings_log_p_new_gradient,
        "log_q_forth": metropolis_hastings_log_q_forth_gradient,
        "log_q_back": metropolis_hastings_log_q_back_gradient,
    },
    sample=lambda rng: dict(zip(NAMES, rng.normal(scale=2.0, size=4), strict=True)),
    laws=(detailed_balance, only_the_ratio_counts),
    cases={  # (u, v, f, b), log a, the mistake that it exposes
        "uphill: always": Case((-2.0, -1.0, 0.0, 0.0), 0.0, exposes="minus sign lost"),
        "downhill: as the ratio says": Case((-1.0, -3.0, 0.0, 0.0), -2.0, exposes="accepts always"),
        "a flat target and a lopsided proposal": Case((0.0, 0.0, 1.0, -1.0), -2.0, exposes="q left out"),
        "forth and back apart": Case((-1.0, -2.0, 2.0, 0.5), -2.5, exposes="forth and back swapped"),
        "the proposal is the target: never refused": Case((-3.0, -7.0, -7.0, -3.0), 0.0),
        "a huge common constant cancels": Case((1e8 - 1.0, 1e8 - 3.0, 1.0, 1.0), -2.0),
        "zero density": Case((0.0, -np.inf, 0.0, 0.0), -np.inf),
        "no way back": Case((0.0, 5.0, 0.0, -np.inf), -np.inf),
        "at the corner": Case((1.0, 2.0, 1.0, 0.0), 0.0),
        "not a number": Case((0.0, np.nan, 0.0, 0.0), np.nan),
        "far uphill: not more than certain": Case(
            (-5.0, -1.0, 0.0, 0.0), 0.0, (0.0, 0.0, 0.0, 0.0), "not closed at certainty"
        ),
    },
    variants={
        "the probability, not its logarithm": Convention(
            lambda *inputs: np.exp(metropolis_hastings(*inputs)),
            {
                "log_p": of_probability(metropolis_hastings, metropolis_hastings_log_p_gradient),
                "log_p_new": of_probability(metropolis_hastings, metropolis_hastings_log_p_new_gradient),
                "log_q_forth": of_probability(metropolis_hastings, metropolis_hastings_log_q_forth_gradient),
                "log_q_back": of_probability(metropolis_hastings, metropolis_hastings_log_q_back_gradient),
            },
            seen_in="Hastings (1970), alpha; to be compared with a uniform number, not with its logarithm",
        ),
        "minus sign lost": Mistake(
            lambda p, n, forth, back: np.minimum(0.0, -((n - p) + (back - forth))),
            seen_in="github.com/lollcat/fab-jax/pull/14 (there, of the coin)",
            symptom="prefers low density",
        ),
        "forth and back swapped": Mistake(
            lambda p, n, forth, back: np.minimum(0.0, (n - p) + (forth - back)),
            seen_in="github.com/blackjax-devs/blackjax/pull/653",
            symptom="right for symmetric proposals, wrong for MALA",
        ),
        "q left out": Mistake(
            lambda p, n, forth, back: np.minimum(0.0, n - p),
            seen_in="github.com/TuringLang/JuliaBUGS.jl/issues/531",
            symptom="q(x') proposed alone: the law is p q; there, and a Jacobian more, mean .222 for .143",
        ),
        "accepts always": Mistake(
            lambda p, n, forth, back: 0.0,
            seen_in="github.com/Ciela-Institute/caustics/pull/388",
            symptom="the target enters only through the proposal",
        ),
        "not closed at certainty": Mistake(
            lambda p, n, forth, back: (n - p) + (back - forth),
            symptom="a probability above 1: harmless to a coin, wrong in every mean of acceptances",
        ),
        "Barker's rule": Convention(
            lambda p, n, forth, back: -softplus((p - n) + (forth - back)),
            seen_in="Barker (1965): a/(1 + a) for min(1, a); it keeps the law, too",
            symptom="of moves to where it is as likely, half are refused",
        ),
        "each ratio closed by itself": Mistake(
            lambda p, n, forth, back: np.minimum(0.0, n - p) + np.minimum(0.0, back - forth),
            symptom="min(1, a) min(1, b): a gain in one cannot pay for the other",
        ),
    },
    rules=rules,
    refuses={  # (u, v, f, b), the argument to blame
        "a chain that stands nowhere": ((-np.inf, 0.0, 0.0, 0.0), "log_p"),
        "a chain in a state of infinite density": ((np.inf, 0.0, 0.0, 0.0), "log_p"),
        "a move that cannot have been made": ((0.0, 0.0, -np.inf, 0.0), "log_q_forth"),
        "a move of infinite density": ((0.0, 0.0, np.inf, 0.0), "log_q_forth"),
        "a new state of infinite density": ((0.0, np.inf, 0.0, 0.0), "log_p_new"),
        "a way back of infinite density": ((0.0, 0.0, 0.0, np.inf), "log_q_back"),
    },
)
