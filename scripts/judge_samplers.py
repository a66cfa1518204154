#!/usr/bin/env python3
"""Judge samplers as released, by short chains from exact draws; and right ones, for the judge's own sake.

    scripts/judge_samplers.py [--only WORD] [--seconds S] [--seed N] [--quick] [--json FILE]
    scripts/judge_samplers.py --right 200 [--seed N]

Claim: the samplers of emcee, BlackJAX and NumPyro named below leave their targets as they are, as far as
this many pairs can tell; Langevin steps without a test of acceptance do not.  (An ensemble is judged by its
first walker, the others drawn exactly as well.)  With `--right N`: none of N samplers that are right by
construction is convicted, which happens to one in 100,000, and no test's chances are too often small.
Source: Foreman-Mackey et al. (2013), emcee; Cabezas et al. (2024), BlackJAX; Phan et al. (2019), NumPyro.
Seconds: up to `--seconds` (60) for each of 17 rows; a package that is missing is left out and said so.
About 1 for each right one.

Exit status 1 if a verdict differs from what is claimed.
"""

import argparse
import dataclasses
import json
import math
import sys
import textwrap
from importlib import metadata, util

import numpy as np

from ebm_ref.cli.main import new_file
from ebm_ref.conformance.samplers.judge import check_sampler
from ebm_ref.conformance.samplers.targets import TARGETS


def jax_energies():
    """The targets' energies once more, in JAX; `agree` holds them to the originals."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    precision = jnp.linalg.inv(jnp.array([[1.0, 1.5], [1.5, 4.0]]))
    return {
        "gaussian": lambda x: 0.5 * x @ x,
        "gaussian-correlated": lambda x: 0.5 * x @ precision @ x,
        "bimodal": lambda x: (
            -jax.nn.logsumexp(
                -0.5 * ((x[0] - jnp.array([-1.5, 1.5])) / 0.6) ** 2 + jnp.log(jnp.array([0.4, 0.6]))
            )
        ),
        "banana": lambda x: 0.5 * x[0] ** 2 + 2.0 * (x[1] - x[0] ** 2 + 1.0) ** 2,
        "student-t": lambda x: 2.0 * jnp.log1p(x[0] ** 2 / 3.0),
    }


def agree(energies):
    """Raise unless differences of the JAX energies are those of the targets."""
    for name, energy in energies.items():
        law = TARGETS[name]()
        x, y = law.draw(np.random.default_rng(0), 2)
        ours, theirs = law.energy(x) - law.energy(y), float(energy(x) - energy(y))
        assert math.isclose(ours, theirs, rel_tol=1e-9), (name, ours, theirs)


def emcee_step(target, move):
    """One sweep of an ensemble of eight walkers, the first of them the state."""
    import emcee

    law, made = TARGETS[target](), []
    moves = {"stretch": emcee.moves.StretchMove, "DE": emcee.moves.DEMove, "walk": emcee.moves.WalkMove}

    def step(x, rng):
        if not made:
            made.append(emcee.EnsembleSampler(8, len(x), lambda x: -law.energy(x), moves=moves[move]()))
            made[0].random_state = np.random.RandomState(rng.integers(2**31)).get_state()
        walkers = np.vstack([x, law.draw(rng, 7)])
        state = next(made[0].sample(walkers, iterations=1, store=False, skip_initial_state_check=True))
        return state.coords[0]

    return step


def blackjax_step(target, kind, **options):
    import blackjax
    import jax

    energy = jax_energies()[target]
    density = lambda x: -energy(x)
    d = TARGETS[target]().draw(np.random.default_rng(0), 1).shape[1]
    sampler = {
        "rmh": lambda: blackjax.additive_step_random_walk(
            density, blackjax.mcmc.random_walk.normal(np.eye(d))
        ),
        "mala": lambda: blackjax.mala(density, **options),
        "hmc": lambda: blackjax.hmc(density, inverse_mass_matrix=np.ones(d), **options),
        "nuts": lambda: blackjax.nuts(density, inverse_mass_matrix=np.ones(d), **options),
        "sgld": lambda: blackjax.sgld(lambda x, _: jax.grad(density)(x)),
    }[kind]()
    if kind == "sgld":
        jump = jax.jit(lambda key, x: sampler.step(key, x, None, options["step_size"]))
    else:
        jump = jax.jit(lambda key, x: sampler.step(key, sampler.init(x))[0].position)
    return lambda x, rng: np.asarray(jump(jax.random.key(rng.integers(2**63)), x))


def numpyro_step(target, kind, step_size):
    import jax
    import jax.numpy as jnp
    from numpyro.infer import HMC, NUTS

    energy = jax_energies()[target]
    d = TARGETS[target]().draw(np.random.default_rng(0), 1).shape[1]
    fixed = dict(step_size=step_size, adapt_step_size=False, adapt_mass_matrix=False)
    longer = dict(trajectory_length=4 * step_size) if kind == "HMC" else {}
    kernel = {"HMC": HMC, "NUTS": NUTS}[kind](potential_fn=energy, **fixed, **longer)
    start = kernel.init(jax.random.key(0), 0, jnp.zeros(d) + 0.1, (), {})

    @jax.jit
    def jump(key, x):
        value, slope = jax.value_and_grad(energy)(x)
        state = start._replace(z=x, z_grad=slope, potential_energy=value, rng_key=key)
        return kernel.sample(state, (), {}).z

    return lambda x, rng: np.asarray(jump(jax.random.key(rng.integers(2**63)), x))


# package, sampler, target, step, whether it claims detailed balance, what theory says of it
ROWS = (
    ("emcee", "StretchMove", "gaussian-correlated", lambda t: emcee_step(t, "stretch"), False, True),
    ("emcee", "StretchMove", "banana", lambda t: emcee_step(t, "stretch"), False, True),
    ("emcee", "DEMove", "bimodal", lambda t: emcee_step(t, "DE"), False, True),
    ("emcee", "WalkMove", "gaussian-correlated", lambda t: emcee_step(t, "walk"), False, True),
    ("blackjax", "random walk", "banana", lambda t: blackjax_step(t, "rmh"), True, True),
    ("blackjax", "random walk", "student-t", lambda t: blackjax_step(t, "rmh"), True, True),
    ("blackjax", "MALA", "gaussian", lambda t: blackjax_step(t, "mala", step_size=0.8), True, True),
    ("blackjax", "MALA", "banana", lambda t: blackjax_step(t, "mala", step_size=0.1), True, True),
    (
        "blackjax",
        "HMC",
        "gaussian-correlated",
        lambda t: blackjax_step(t, "hmc", step_size=0.5, num_integration_steps=4),
        True,
        True,
    ),
    (
        "blackjax",
        "HMC",
        "bimodal",
        lambda t: blackjax_step(t, "hmc", step_size=0.4, num_integration_steps=4),
        True,
        True,
    ),
    (
        "blackjax",
        "NUTS",
        "gaussian-correlated",
        lambda t: blackjax_step(t, "nuts", step_size=0.5),
        False,
        True,
    ),
    ("blackjax", "NUTS", "banana", lambda t: blackjax_step(t, "nuts", step_size=0.25), False, True),
    (
        "blackjax",
        "SGLD, step 0.5",
        "gaussian",
        lambda t: blackjax_step(t, "sgld", step_size=0.5),
        False,
        False,
    ),
    ("numpyro", "HMC", "gaussian-correlated", lambda t: numpyro_step(t, "HMC", 0.5), True, True),
    ("numpyro", "HMC", "student-t", lambda t: numpyro_step(t, "HMC", 0.5), True, True),
    ("numpyro", "NUTS", "gaussian-correlated", lambda t: numpyro_step(t, "NUTS", 0.5), False, True),
    ("numpyro", "NUTS", "banana", lambda t: numpyro_step(t, "NUTS", 0.25), False, True),
)


def judged(rows, options):
    """Each row with its verdict, printed as it comes."""
    print(f"{'package':9} {'sampler':15} {'target':20} {'verdict':10} {'pairs':>9} {'found':>7}")
    for package, sampler, target, make, reversible, right in rows:
        verdict = check_sampler(make(target), target, reversible=reversible, **options)
        found = f"{verdict.found['law']:.4f}" if "law" in verdict.found else "-"
        print(
            f"{package:9} {sampler:15} {target:20} {verdict.verdict:10} {verdict.draws:>9,} {found:>7}",
            flush=True,
        )
        if verdict.verdict != "acquitted":
            print(textwrap.indent(textwrap.fill(verdict.reason, 77), "  "))
        yield {"package": package, "sampler": sampler, "right": right} | dataclasses.asdict(verdict)


# Right by construction, of any target.


def fresh(law):
    """An exact draw, whatever the state."""
    return lambda x, rng: law.draw(rng, 1)[0]


def lazy(law, stay=0.95):
    """The same, seldom."""
    return lambda x, rng: x if rng.random() < stay else law.draw(rng, 1)[0]


def walk(law, width):
    """Metropolis: a spin turned, a site on or back, or a normal step."""
    ends = law.draw(np.random.default_rng(0), 1).shape[1]

    def proposed(x, rng):
        if law.gradient is not None:
            return x + width * rng.normal(size=x.shape)
        if ends == 1:
            return x + rng.choice([-1.0, 1.0])
        return np.where(np.arange(ends) == rng.integers(ends), -x, x)

    def step(x, rng):
        y = proposed(x, rng)
        return y if rng.random() < math.exp(min(0.0, law.energy(x) - law.energy(y))) else x

    return step


def alternating(law):
    """A walk or a fresh draw, by turns of a coin."""
    one, other = walk(law, 1.0), lazy(law, 0.5)
    return lambda x, rng: (one if rng.random() < 0.5 else other)(x, rng)


KINDS = {
    "fresh": fresh,
    "lazy": lazy,
    "walk of 0.05": lambda law: walk(law, 0.05),
    "walk of 1": lambda law: walk(law, 1.0),
    "walk of 20": lambda law: walk(law, 20.0),
    "alternating": alternating,
}


def right_samplers(count):
    """(kind, target, step) of so many, all kinds on all targets in turn; all of them are reversible."""
    pairs = [(kind, target) for kind in KINDS for target in TARGETS]
    for i in range(count):
        kind, target = pairs[i % len(pairs)]
        yield kind, target, KINDS[kind](TARGETS[target]())


def judge_right(count, seed, draws=32_000):
    """The verdict on each, and the chances of all tests of all last looks."""
    for i, (kind, target, step) in enumerate(right_samplers(count)):
        rng = np.random.default_rng([seed, i])
        yield kind, target, check_sampler(step, target, draws, rng, reversible=True, seconds=600.0)


def report_right(count, seed):
    """Print who is not acquitted, and how often chances are small; 1 if that is too often."""
    chances, failed = {}, 0
    for kind, target, verdict in judge_right(count, seed):
        if verdict.verdict != "acquitted" and not verdict.reason.startswith("stands still"):
            failed += 1
            print(f"not as claimed: {kind} on {target}: {verdict.verdict}, {verdict.reason}")
        for test in verdict.tests:
            chances.setdefault(test.name, []).append(test.p)
    print(f"{count} right samplers, {failed} not acquitted; shares of chances of the last look below")
    print(f"{'test':10} {'tests':>6} {'0.1':>7} {'0.01':>7} {'0.001':>7}")
    for name, p in chances.items():
        shares = (f"{np.mean(np.array(p) < level):7.4f}" for level in (0.1, 0.01, 0.001))
        print(f"{name:10} {len(p):6}", *shares)
    return int(failed > 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="rows whose text holds the word")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="for each row (60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--quick", action="store_true", help="the first row of each package, 4,000 pairs")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write all verdicts to a file")
    parser.add_argument("--right", type=int, metavar="N", help="instead, N samplers that are right")
    args = parser.parse_args()
    if args.right:
        return report_right(args.right, args.seed)
    rows = [row for row in ROWS if args.only in " ".join(row[:3])]
    options = {"seconds": args.seconds}
    if args.quick:
        rows = [next(row for row in rows if row[0] == p) for p in dict.fromkeys(row[0] for row in rows)]
        options |= {"draws": 4000}
    present = [row for row in rows if util.find_spec(row[0])]
    packages = sorted({row[0] for row in present})
    for missing in sorted({row[0] for row in rows} - set(packages)):
        print(f"{missing} is not installed: left out")
    if any(util.find_spec(p) for p in ("blackjax", "numpyro") if p in packages):
        agree(jax_energies())
    print(", ".join(f"{p} {metadata.version(p)}" for p in packages), f"numpy {np.__version__}", sep=", ")
    rng = np.random.default_rng(args.seed)
    verdicts = list(judged(present, options | {"rng": rng}))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(verdicts, file, indent=1)
    print("found: the smallest chi-square distance that the largest batch finds, 99 in 100")
    surprises = [v for v in verdicts if (v["verdict"] == "acquitted") != v["right"]]
    for v in surprises if not args.quick else [v for v in surprises if v["verdict"] != "acquitted"]:
        print(f"not as claimed: {v['package']} {v['sampler']} on {v['target']} is {v['verdict']}")
        return 1
    print("All as claimed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
