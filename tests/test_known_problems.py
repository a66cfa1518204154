"""Problems whose answers are known: LABS, MaxCut of every small graph, a published network, nine justices."""

import gzip
import importlib.util
import itertools
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ebm_ref.exact.elimination import ground_state, log_partition, marginals
from ebm_ref.exact.factors import clamped

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """A script as a module, whose functions can be called."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


def labs_energies(N):
    """E of all 2^(N-1) sequences whose first spin is 1: plain NumPy, another route than the script's bits."""
    s = 1 - 2 * (np.arange(2 ** (N - 1))[:, None] >> np.arange(N) & 1)
    return sum(np.sum(s[:, : N - k] * s[:, k:], axis=1) ** 2 for k in range(1, N))


def test_labs(script):
    labs = script("reproduce_labs")
    for N in range(3, 17):
        E = labs_energies(N)
        assert E.min() == labs.LOWEST[N]
        assert labs.enumerate_all(N)[::2] == (E.min(), 2 * np.sum(E == E.min()))
    assert sorted(labs.LOWEST) == list(range(3, 28))


def test_labs_as_a_factor_graph():
    """C_k^2 multiplied out: factors of two, three and four spins, and elimination finds the same minimum."""
    N = 10
    factors = [((), N * (N - 1) / 2.0)]
    for k in range(1, N):
        for i, j in itertools.combinations(range(N - k), 2):  # 2 s_i s_i+k s_j s_j+k, and s_j s_j = 1
            scope = tuple(sorted({i, i + k} ^ {j, j + k}))
            signs = np.array([1.0, -1.0])
            table = 2.0 * np.prod(np.meshgrid(*[signs] * len(scope), indexing="ij"), axis=0)
            factors.append((scope, table))
    sizes = {i: 2 for i in range(N)}
    E = labs_energies(N)
    assert ground_state(factors, sizes)[0] == E.min() == 13
    truth = np.log(2.0 * np.sum(np.exp(-0.1 * E)))
    assert log_partition(factors, sizes, 0.1) == pytest.approx(truth, rel=1e-14)


def test_max_cut_of_every_graph_of_up_to_seven_nodes():
    """1253 graphs: elimination = enumeration; bipartite graphs are cut whole, complete ones to n^2/4."""
    networkx = pytest.importorskip("networkx")
    from networkx.generators.atlas import graph_atlas_g

    graphs = graph_atlas_g()
    assert len(graphs) == 1253
    sides = {n: np.array(list(itertools.product((0, 1), repeat=n))) for n in range(8)}
    apart = np.array([[0.0, -1.0], [-1.0, 0.0]])
    bipartite = 0
    for graph in graphs:
        n, edges = graph.number_of_nodes(), list(graph.edges)
        best = int(np.max(sum((sides[n][:, i] != sides[n][:, j] for i, j in edges), np.zeros(2**n, int))))
        energy, side = ground_state([(edge, apart) for edge in edges], {v: 2 for v in graph})
        assert energy == -best and sum(side[i] != side[j] for i, j in edges) == best
        if networkx.is_bipartite(graph):
            bipartite += 1
            assert best == len(edges)
        if len(edges) == n * (n - 1) // 2:
            assert best == n * n // 4
        if n and networkx.is_connected(graph):
            assert best >= len(edges) / 2 + (n - 1) / 4  # Edwards (1973)
    assert bipartite == 1 + 1 + 2 + 3 + 7 + 13 + 35 + 88  # OEIS A033995, and the graph without nodes


def test_number_of_maximum_cuts_is_what_log_z_says_in_the_cold():
    """The cycle of seven: each of the 7 edges may be the one not cut, two ways each."""
    apart = np.array([[0.0, -1.0], [-1.0, 0.0]])
    cycle = [((i, (i + 1) % 7), apart) for i in range(7)]
    beta = 50.0
    assert log_partition(cycle, {i: 2 for i in range(7)}, beta) - 6 * beta == pytest.approx(
        np.log(14.0), rel=1e-14
    )


def asia():
    """The chest clinic of Lauritzen and Spiegelhalter (1988), typed from their Table 1; 0 is yes."""
    rows = {
        ("asia",): [0.01],
        ("asia", "tub"): [0.05, 0.01],
        ("smoke",): [0.5],
        ("smoke", "lung"): [0.1, 0.01],
        ("smoke", "bronc"): [0.6, 0.3],
        ("lung", "tub", "either"): [1.0, 1.0, 1.0, 0.0],
        ("either", "xray"): [0.98, 0.05],
        ("bronc", "either", "dysp"): [0.9, 0.8, 0.7, 0.1],
    }
    with np.errstate(divide="ignore"):
        return [
            (scope, -np.log(np.reshape([(p, 1.0 - p) for p in yes], [2] * len(scope))))
            for scope, yes in rows.items()
        ]


def test_asia():
    """Marginals worked by hand from the tables, and the posterior of Bayes' rule."""
    factors = asia()
    sizes = {scope[-1]: 2 for scope, _ in factors}
    nodes, _ = marginals(factors, sizes)
    either = 1.0 - (1.0 - 0.055) * (1.0 - 0.0104)  # lung cancer and tuberculosis are independent
    truth = {"asia": 0.01, "tub": 0.0104, "smoke": 0.5, "lung": 0.055, "bronc": 0.45, "either": either}
    truth["xray"] = 0.98 * either + 0.05 * (1.0 - either)
    for v, p in truth.items():
        assert nodes[v][0] == pytest.approx(p, rel=1e-14)
    assert log_partition(factors, sizes) == pytest.approx(0.0, abs=1e-15)
    left = {v: k for v, k in sizes.items() if v not in ("either", "asia")}
    given, _ = marginals(clamped(factors, {"either": 0, "asia": 0}), left)
    seen = 1.0 - (1.0 - 0.055) * (1.0 - 0.05)
    assert given["tub"][0] == pytest.approx(0.05 / seen, rel=1e-14)
    assert log_partition(clamped(factors, {"either": 0, "asia": 0}), left) == pytest.approx(
        np.log(0.01 * seen), rel=1e-14
    )


def test_votes_are_read(script, tmp_path):
    """A table with a missing vote, as CSV and as R writes it."""
    court = script("reproduce_court_votes")
    rng = np.random.default_rng(0)
    table = rng.integers(2, size=(20, 9)).astype(float)
    table[3, 4] = np.nan
    names = [f"J{i}" for i in range(9)]
    rows = [",".join([*('"' + name + '"' for name in names), '"year"'])]
    rows += [",".join([*("NA" if np.isnan(x) else f"{x:g}" for x in row), "1995"]) for row in table]
    (tmp_path / "votes.csv").write_text("\n".join(rows))
    (tmp_path / "votes.rda").write_bytes(
        r_file("votes", {**dict(zip(names, table.T, strict=True)), "year": np.full(20, 1995.0)})
    )
    for file in ("votes.csv", "votes.rda"):
        found, s = court.votes(str(tmp_path / file))
        assert found == names and np.array_equal(s, 2.0 * np.delete(table, 3, axis=0) - 1.0)


def r_file(name, columns):
    """What R's save() writes for a data frame of numbers."""
    integer = lambda *numbers: struct.pack(f">{len(numbers)}i", *numbers)
    text = lambda s: integer(0x40009, len(s)) + s.encode()
    symbol = lambda s: integer(1) + text(s)
    vectors = b"".join(integer(14, len(x)) + x.astype(">f8").tobytes() for x in columns.values())
    strings = integer(16, len(columns)) + b"".join(map(text, columns))
    frame = integer(0x300 | 19, len(columns)) + vectors
    attributes = integer(0x402) + symbol("names") + strings + integer(254)
    body = integer(0x402) + symbol(name) + frame + attributes + integer(254)
    return gzip.compress(b"RDX2\nX\n" + integer(2, 0x30402, 0x20300) + body)


@pytest.mark.parametrize(
    "name, package", [("labs", "numba"), ("bayesian_networks", "pgmpy"), ("court_votes", "numpy")]
)
def test_the_scripts_hold(name, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the data is that of {package}, which is not installed")
    command = [sys.executable, SCRIPTS / f"reproduce_{name}.py", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "holds: " in done.stdout and "FAILS" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
