#!/usr/bin/env python3
"""Air, train, bus or car?  Ranking answers by an energy fitted to choices.

Claim   The energies of lowest negative log-likelihood are the conditional
        logit of econometrics, coefficient for coefficient; and they rank the
        ways to travel for people who took no part in the fit.
Source  McFadden (1974), "Conditional Logit Analysis of Qualitative Choice
        Behavior"; Greene (2003), "Econometric Analysis", Table 21.11, with the
        digits of R's package mlogit.
Data    210 journeys between Sydney, Canberra and Melbourne, Greene and Hensher
        (1997), public domain, out of the installed statsmodels (extra `data`).
Time    6 s on one core; 1 s with --quick, which leaves out statsmodels' own
        fit.

A traveller meets four offers, each a row of six numbers; the energy of an
offer is what speaks against it:

    E(y, x) = -w.x_y,    x_y = (cost, waiting time, income if by air,
                                1 for air, 1 for train, 1 for bus)

The lowest energy is the prediction; the order is what one needs when that
offer is sold out. With the constants, the expected number of travellers by
each mode is exactly the one observed; and no factor in front of the energies
would do better: fitted by maximum likelihood, their inverse temperature is 1.
"""

import numpy as np
from reproduction import conclude, figure, installed, near, options, within

from ebm_ref.inference.calibration import calibrate
from ebm_ref.inference.uses import density, rank
from ebm_ref.learning.descent import objective, objective_gradient
from ebm_ref.losses.nll import nll, nll_gradient

MODES = ("air", "train", "bus", "car")
NAMES = ("cost", "waiting time", "income, if by air", "air", "train", "bus")
PUBLISHED = (
    *(-0.0155015067043374, -0.0961246217793847, 0.0132870137736127),
    *(5.20743292761953, 3.86903570401292, 3.16319033000995),
)
PUBLISHED_PSEUDO_R2 = 0.29825  # McFadden's: the share of the log-likelihood that the constants alone leave


def journeys():
    """(210, 4, 6) offers, and (210,) which was taken."""
    file = installed("statsmodels", "statsmodels") / "datasets" / "modechoice" / "modechoice.csv"
    rows = np.genfromtxt(file, delimiter=";", names=True)
    column = lambda name: rows[name].reshape(210, 4)
    constants = [np.broadcast_to(row, (210, 4)) for row in np.eye(4)[:3]]
    X = np.stack([column("gc"), column("ttme"), column("hinc") * constants[0], *constants], axis=-1)
    return X, np.argmax(column("choice"), axis=1)


def energy(w, x, y):
    """-w.x_y, for the offers x (4, 6) of one traveller."""
    return -np.dot(x[y], w)


def energy_weights_gradient(w, x, y):
    """dE/dw = -x_y, shape (6,)."""
    return -x[y]


def information(w, X):
    """The curvature of the mean NLL: the mean covariance of x_y, y drawn from the Gibbs distribution."""
    p = np.array([density(-x @ w) for x in X])
    mean = np.einsum("nk,nki->ni", p, X)
    return (np.einsum("nk,nki,nkj->ij", p, X, X) - mean.T @ mean) / len(X)


def fit(X, chosen):
    """Newton's method for the mean NLL, from w = 0."""
    w = np.zeros(X.shape[2])
    for _ in range(50):
        g = objective_gradient(nll_gradient, energy, energy_weights_gradient, 4, w, X, chosen)
        step = np.linalg.solve(information(w, X), g)
        w -= step
        if np.max(np.abs(step) / (1.0 + np.abs(w))) < 1e-12:
            return w
    raise RuntimeError("Newton's method did not settle")


def market_shares(chosen):
    """(4,) energies of the shares of the market: the best that constants alone can do."""
    return -np.log(np.bincount(chosen, minlength=4) / len(chosen))


def peer(X, chosen):
    """The same by statsmodels' ConditionalLogit."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    taken = (np.arange(4) == chosen[:, None]).ravel().astype(float)
    groups = np.repeat(np.arange(len(X)), 4)
    return (
        ConditionalLogit(taken, X.reshape(-1, 6), groups=groups)
        .fit(disp=False, maxiter=500, gtol=1e-10)
        .params
    )


def places(tables, chosen):
    """(n,) the place, 1 to 4, of the chosen answer in the order of the energies."""
    return np.array([rank(table, 4).index(y) + 1 for table, y in zip(tables, chosen, strict=True)])


def cross_validated(rng, X, chosen, folds=5):
    """Energies of every traveller's offers, fitted to the other folds: of the model, and of the market."""
    model, market = np.zeros((len(X), 4)), np.zeros((len(X), 4))
    for held_out in np.array_split(rng.permutation(len(X)), folds):
        rest = np.setdiff1d(np.arange(len(X)), held_out)
        model[held_out] = -X[held_out] @ fit(X[rest], chosen[rest])
        market[held_out] = market_shares(chosen[rest])
    return model, market


def draw(file, ours, theirs, tables, chosen):
    """How often the chosen answer is among the first k, and the energies of the four offers."""
    axes, save = figure(file, ncols=2, figsize=(10.5, 3.8))
    k = np.arange(1, 5)
    for label, found, marker in (("fitted energies", ours, "o-"), ("market shares", theirs, "s--")):
        axes[0].plot(k, [np.mean(found <= j) for j in k], marker, label=label)
    axes[0].set(
        xlabel="first k of the ranking", ylabel="share of choices among them", xticks=k, ylim=(0, 1.03)
    )
    axes[0].set_title(
        f"fitted energies rank first {np.mean(ours <= 1):.0%}, market shares {np.mean(theirs <= 1):.0%}"
    )
    axes[0].legend()
    gaps = tables - tables[np.arange(len(tables)), chosen][:, None]
    for y, mode in enumerate(MODES):
        others = np.sort(gaps[chosen != y, y])
        axes[1].plot(others, np.linspace(0.0, 1.0, len(others)), label=mode)
    axes[1].axvline(0.0, color="k", lw=0.8)
    axes[1].set(
        xlabel="energy of an offer that was not taken, above the one taken",
        ylabel="share of travellers",
        xlim=(-5, 8.5),
    )
    refused = np.concatenate([gaps[chosen != y, y] for y in range(4)])
    axes[1].set_title(f"{np.mean(refused > 0.0):.0%} of the offers not taken lie higher")
    axes[1].legend()
    save()


def main():
    script = options(__doc__)
    X, chosen = journeys()
    w = fit(X, chosen)
    tables = -X @ w
    errors = np.sqrt(np.diag(np.linalg.inv(information(w, X))) / len(X))
    loss, alone = objective(nll, energy, 4, w, X, chosen), np.mean(market_shares(chosen)[chosen])
    print(f"{'':<20} {'estimate':>12} {'standard error':>15} {'published':>12}")
    for name, value, error, known in zip(NAMES, w, errors, PUBLISHED, strict=True):
        print(f"{name:<20} {value:12.7f} {error:15.7f} {known:12.7f}")
    print(f"log-likelihood {-len(X) * loss:.4f}; of the market shares {-len(X) * alone:.4f}\n")

    rows = []
    for seed in range(script.seed, script.seed + (1 if script.quick else 10)):
        model, market = cross_validated(np.random.default_rng(seed), X, chosen)
        rows.append((places(model, chosen), places(market, chosen), calibrate(model, chosen).beta))
    ours, theirs, betas = (np.array(values) for values in zip(*rows, strict=True))
    print("five-fold cross-validation    first    among two    mean of 1/place")
    for name, found in (("fitted energies", ours), ("market shares", theirs)):
        print(f"{name:<27} {np.mean(found == 1):7.1%} {np.mean(found <= 2):12.1%} {np.mean(1 / found):18.3f}")
    print(f"inverse temperature of the held-out tables: {np.mean(betas):.2f}")
    if script.figure:
        draw(script.figure, ours, theirs, model, chosen)

    expected = np.sum([density(table) for table in tables], axis=0)
    first = np.mean(ours == 1, axis=1) - np.mean(theirs == 1, axis=1)
    off = np.abs(w - PUBLISHED) / errors
    claims = [
        within("coefficients less those published, in errors", np.max(off), high=1e-4),
        near("McFadden's pseudo R2", 1.0 - loss / alone, PUBLISHED_PSEUDO_R2, 5e-6),
        (
            "as many travellers are expected by each mode as were seen, to 1e-9",
            np.allclose(expected, np.bincount(chosen), rtol=1e-9),
        ),
        near("their inverse temperature", calibrate(tables, chosen).beta, 1.0, 1e-9),
        within("held out, the choice is first: share above shares'", np.min(first), low=0.3),
        within("and is among the first two of four", np.min(np.mean(ours <= 2, axis=1)), low=0.75),
    ]
    if not script.quick:
        theirs = np.abs(peer(X, chosen) - w) / errors
        claims.append(within("less statsmodels', in standard errors", np.max(theirs), high=1e-3))
    conclude(*claims)


if __name__ == "__main__":
    main()
