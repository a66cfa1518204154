"""Four uses of an energy and its calibration: against scikit-learn, brute force, integrals, dense grids."""

import math

import numpy as np
import pytest

from ebm_ref.inference.calibration import calibrate, product_of_experts, reliability
from ebm_ref.inference.free_energy import free_energy_energies_gradient
from ebm_ref.inference.uses import density, density_on_line, detect, predict, rank
from ebm_ref.learning.descent import energy_table

NAMES = ["flower", "dog", "people", "fish"]
PICTURE = -np.log([0.01, 0.70, 0.20, 0.09])  # document example: a dog, most likely


def test_the_picture_of_a_dog():
    np.testing.assert_allclose(PICTURE, [4.6052, 0.3567, 1.6094, 2.4079], atol=5e-5)
    assert predict(PICTURE, NAMES) == "dog" and rank(PICTURE, 2, NAMES) == ["dog", "people"]
    np.testing.assert_allclose(density(PICTURE), [0.01, 0.70, 0.20, 0.09], rtol=1e-14)


def test_tables_and_functions_give_the_same():
    rng = np.random.default_rng(0)
    for _ in range(100):
        answers = rng.normal(size=rng.integers(1, 8)).round(1).tolist()
        energy = lambda y: (y - 0.35) ** 2
        table = [energy(y) for y in answers]
        assert predict(energy, answers) == predict(table, answers) == answers[predict(table)]
        ordered = [answers[i] for i in sorted(range(len(answers)), key=lambda i: (table[i], i))]
        assert rank(energy, len(answers), answers) == rank(table, 99, answers) == ordered
        assert density(energy, answers, beta=2.0).tolist() == density(table, beta=2.0).tolist()


def test_ties_and_impossible_answers():
    assert predict([2.0, 1.0, 1.0]) == 1 and rank([2.0, 1.0, 1.0], 3) == [1, 2, 0]
    assert rank([np.inf, 1.0, 0.5], 3) == [2, 1]
    assert density([np.inf, 1.0, 1.0]).tolist() == [0.0, 0.5, 0.5]


def test_what_a_density_depends_on():
    """Not on a common shift; on beta times scale; uniform when hot, the argmin when cold."""
    rng = np.random.default_rng(1)
    E = rng.normal(size=5)
    np.testing.assert_allclose(density(E + 7.0), density(E), rtol=1e-13)
    np.testing.assert_allclose(density(3.0 * E, beta=0.5), density(E, beta=1.5), rtol=1e-13)
    np.testing.assert_allclose(density(E, beta=1e-9), 0.2, rtol=1e-8)
    assert density(E, beta=1e6).tolist() == (np.arange(5) == predict(E)).astype(float).tolist()


# a density on the line


def test_densities_with_a_closed_form():
    closed = [
        (lambda y: (y - 40.0) ** 2 / 8.0, {"center": 40.0}, np.log(2.0 * np.sqrt(2.0 * np.pi))),
        (lambda y: (y - 5.0) ** 2 / 2.0, {}, np.log(2.0 * np.pi) / 2.0),
        (lambda y: abs(y), {}, np.log(2.0)),
        (lambda y: np.log1p(y**2), {}, np.log(np.pi)),  # Cauchy, whose tails weigh much
        (lambda y: abs(y) if y >= 0.0 else np.inf, {}, 0.0),
        (lambda y: y**2 / 2.0 + 800.0, {"beta": 2.0}, np.log(np.pi) / 2.0 - 1600.0),
    ]
    for energy, settings, log_z in closed:
        p, ours = density_on_line(energy, **settings)
        assert ours == pytest.approx(log_z, abs=1e-9)
        beta = settings.get("beta", 1.0)
        assert p(1.0) == pytest.approx(math.exp(-beta * energy(1.0) - log_z), rel=1e-8)


def test_moments_of_the_double_well():
    """E[x^2] = 0.832745, E[x^4] = 1.082745 for E = (x^2 - 1)^2, by the trapezoidal rule over p."""
    p, _ = density_on_line(lambda y: (y**2 - 1.0) ** 2)
    x = np.linspace(-6.0, 6.0, 2401)
    w = np.array([p(y) for y in x]) * 0.005
    assert w.sum() == pytest.approx(1.0, abs=1e-12)
    assert w @ x**2 == pytest.approx(0.832745, abs=1e-6) and w @ x**4 == pytest.approx(1.082745, abs=1e-6)


@pytest.mark.parametrize(
    "energy, beta",
    [
        (lambda y: 0.0, 1.0),
        (lambda y: y, 1.0),
        (lambda y: -(y**2), 1.0),
        (lambda y: np.log1p(abs(y)), 1.0),  # the first power just fails to converge
        (lambda y: np.log1p(y**2), 0.5),  # a density when colder, none at this temperature
        (lambda y: 1.0 - np.exp(-(y**2)), 1.0),  # a bounded energy: low wells alone make no density
        (lambda y: max(0.0, 1.0 - y), 1.0),  # a hinge: one side never rises
    ],
)
def test_what_has_no_density(energy, beta):
    with pytest.raises(ValueError, match=f"is not normalisable at beta = {beta}"):
        density_on_line(energy, beta)


def test_a_rule_that_is_too_coarse_says_so():
    spike = lambda y: 0.5 * ((y - 3.3) / 1e-4) ** 2
    with pytest.raises(ValueError, match=r"scale = 1\.0: must suit the energy"):
        density_on_line(spike)
    _, log_z = density_on_line(spike, center=3.3, scale=1e-4)
    assert log_z == pytest.approx(np.log(1e-4 * np.sqrt(2.0 * np.pi)), abs=1e-9)


def test_what_lies_beyond_the_last_shell_is_bounded():
    """Of (1 + |y|)^-1.25 the tails beyond 2^48 hold 2^-12 of the 8, and are refused when that is too much."""
    slow = lambda y: 1.25 * np.log1p(abs(y))
    _, log_z = density_on_line(slow, tolerance=3e-4)
    assert math.exp(log_z) == pytest.approx(8.0 * (1.0 - 2.0**-12), rel=1e-6)
    with pytest.raises(ValueError, match="is not normalisable"):
        density_on_line(slow, tolerance=2e-4)


# detection


def held_out(rng, n=60, levels=12):
    """Energies with many ties, lower where something is present."""
    present = np.concatenate([[True, False], rng.random(n - 2) < 0.4])
    return np.round(levels * (rng.normal(size=n) - 1.2 * present)) / levels, present


def test_detection_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn's curves are an independent route")
    rng = np.random.default_rng(2)
    for _ in range(10):
        E, present = held_out(rng)
        ours = detect(E, present)
        fpr, tpr, thresholds = metrics.roc_curve(present, -E, drop_intermediate=False)
        np.testing.assert_allclose(ours.false_positive_rate, fpr, rtol=1e-14)
        np.testing.assert_allclose(ours.true_positive_rate, tpr, rtol=1e-14)
        last = -thresholds[1:]  # theirs is the highest energy that is still detected, ours lies above it
        assert np.all(ours.thresholds[1:] > last) and np.all(ours.thresholds[1:-1] < last[1:])
        assert ours.area == pytest.approx(metrics.roc_auc_score(present, -E), rel=1e-13)
        precision, recall, _ = metrics.precision_recall_curve(present, -E)
        np.testing.assert_allclose(ours.precision, precision[::-1], rtol=1e-14)
        np.testing.assert_allclose(ours.true_positive_rate, recall[::-1], rtol=1e-14)
        assert ours.average_precision == pytest.approx(
            metrics.average_precision_score(present, -E), rel=1e-13
        )


def test_detection_against_a_scan_of_all_thresholds():
    rng = np.random.default_rng(3)
    for _ in range(50):
        E, present = held_out(rng, n=20, levels=2)
        miss, alarm = rng.uniform(0.0, 5.0, size=2)
        ours = detect(E, present, cost_of_miss=miss, cost_of_false_alarm=alarm)
        for i, T in enumerate(ours.thresholds):
            assert ours.true_positive_rate[i] == np.mean(E[present] < T)
            assert ours.false_positive_rate[i] == np.mean(E[~present] < T)
            assert ours.precision[i] == (np.mean(present[E < T]) if np.any(E < T) else 1.0)
        cost = lambda T: miss * np.sum(E[present] >= T) + alarm * np.sum(E[~present] < T)  # noqa: B023
        scan = np.concatenate([E, E + 1e-9, [-np.inf, np.inf]])
        assert cost(ours.threshold) == pytest.approx(min(cost(T) for T in scan), rel=1e-13)
        pairs = [(a < b) + (a == b) / 2.0 for a in E[present] for b in E[~present]]
        assert ours.area == pytest.approx(np.mean(pairs), rel=1e-13)


def test_prices_move_the_operating_point():
    E, present = [1.0, 2.0, 3.0, 4.0], [True, False, True, False]
    at = lambda miss, alarm: detect(E, present, cost_of_miss=miss, cost_of_false_alarm=alarm).threshold
    assert at(1.0, 3.0) == 1.5 and at(3.0, 1.0) == 3.5
    assert at(0.0, 1.0) == -np.inf and at(1.0, 1.0) == 1.5  # of equally cheap ones the lowest
    assert detect(E, present, cost_of_false_alarm=0.0).true_positive_rate[-1] == 1.0


def test_ties_pass_together():
    """Energies 1 1 2 2, one of each pair present: (0, 0), (1/2, 1/2), (1, 1), and no point between."""
    found = detect([1.0, 1.0, 2.0, 2.0], [True, False, True, False])
    assert found.true_positive_rate.tolist() == found.false_positive_rate.tolist() == [0.0, 0.5, 1.0]
    assert found.area == 0.5 and found.average_precision == 0.5 and found.thresholds[1] == 1.5


def test_thresholds_part_neighbouring_floats():
    a = 1.0
    b = np.nextafter(a, 2.0)
    found = detect([a, b], [True, False])
    assert a < found.threshold <= b and found.area == 1.0
    huge = detect([1e308, 1.7e308], [True, False]).threshold
    assert huge == pytest.approx(1.35e308)


def test_detection_with_a_function_and_new_data():
    """The threshold that held-out data choose works on others of the kind."""
    rng = np.random.default_rng(4)
    draw = lambda n: (np.where(present := rng.random(n) < 0.5, 0.0, 3.0) + rng.normal(size=n), present)
    x, present = draw(300)
    found = detect(lambda x: x**2, present, inputs=x)
    assert found.threshold == detect(x**2, present).threshold
    x, present = draw(300)
    assert np.mean((x**2 < found.threshold) == present) > 0.85 and 1.0 < found.threshold < 5.0


# calibration


def sampled(rng, beta, n=400, k=4):
    """Tables, and labels drawn from their Gibbs distribution at inverse temperature beta."""
    tables = rng.normal(scale=2.0, size=(n, k))
    return tables, [int(rng.choice(k, p=density(E, beta=beta))) for E in tables]


def held_out_nll(tables, labels, beta):
    return -np.mean([np.log(density(E, beta=beta)[y]) for E, y in zip(tables, labels, strict=True)])


def test_calibration_against_golden_section():
    rng = np.random.default_rng(5)
    for beta in (0.2, 1.0, 1.5):
        tables, labels = sampled(rng, beta, n=150)
        found = calibrate(tables, labels)
        a, b, ratio = 0.0, 10.0, (np.sqrt(5.0) - 1.0) / 2.0
        while b - a > 1e-5:
            c, d = b - ratio * (b - a), a + ratio * (b - a)
            a, b = (a, d) if held_out_nll(tables, labels, c) < held_out_nll(tables, labels, d) else (c, b)
        assert found.beta == pytest.approx(a, abs=3e-5) and found.beta == pytest.approx(beta, rel=0.3)
        assert found.nll == pytest.approx(held_out_nll(tables, labels, found.beta), rel=1e-13)


def test_the_certificate_of_calibration():
    """Neighbouring floats with slopes of either sign; the correct answers cost what the model expects."""
    rng = np.random.default_rng(6)
    tables, labels = sampled(rng, 0.7)
    found = calibrate(tables, labels)
    low, high = found.bracket
    assert np.nextafter(low, np.inf) == high and found.beta in (low, high) and found.verdict == "interior"
    assert found.slopes[0] <= 0.0 <= found.slopes[1] and found.error < 1e-13
    half = calibrate([[0.0, 1.0]] * 4, [0, 0, 0, 1])  # sum p|d| (1 + b|d|) = 1.5 (1 + b), sum Var = 0.75
    assert half.error == pytest.approx(2.0**-50 * 2.0 * (1.0 + half.beta) + 2.0**-52, rel=1e-12)
    expected = [density(E, beta=found.beta) @ E for E in tables]
    correct = tables[np.arange(len(tables)), labels]
    assert np.mean(correct) == pytest.approx(np.mean(expected), rel=1e-12)


def test_calibration_in_closed_form():
    """With two answers d apart, right in a of n: beta = log(a / (n - a)) / d."""
    for right, n, d in ((3, 4, 2.0), (7, 10, 0.5), (99, 100, 1e-3), (51, 100, 1e4)):
        found = calibrate([[0.0, d]] * n, [0] * right + [1] * (n - right))
        exact = math.log(right / (n - right)) / d
        assert abs(found.beta - exact) <= found.error + 2e-16 * exact and found.beta == pytest.approx(
            exact, rel=1e-14
        )


def test_what_calibration_does_not_depend_on():
    """A level of its own for each input; and E -> aE makes beta -> beta/a."""
    rng = np.random.default_rng(7)
    tables, labels = sampled(rng, 0.7, n=60)
    beta = calibrate(tables, labels).beta
    moved = tables + rng.normal(scale=50.0, size=(60, 1))
    assert calibrate(moved, labels).beta == pytest.approx(beta, rel=1e-12)
    assert calibrate(8.0 * tables, labels).beta == pytest.approx(beta / 8.0, rel=1e-14)
    longer = [[*E, np.inf] for E in tables]  # an impossible answer more
    assert calibrate(longer, labels).beta == beta


def test_separated_data_want_an_infinite_beta():
    found = calibrate([[0.0, 1.0, 5.0], [3.0, 2.0]], [0, 1])
    assert found.beta == math.inf and found.verdict == "separated" and found.nll == 0.0
    tied = calibrate([[0.0, 0.0, 5.0], [3.0, 2.0]], [1, 1])  # a tie is never decided: log(2) on one of two
    assert tied.beta == math.inf and tied.nll == pytest.approx(math.log(2.0) / 2.0)
    assert calibrate([[0.0, 1.0]] * 1000 + [[0.0, 1.0]], [0] * 1000 + [1]).verdict == "interior"


def test_energies_that_point_the_wrong_way_want_none():
    found = calibrate([[0.0, 1.0]] * 3, [1, 1, 0])
    assert (
        found.beta == 0.0 and found.verdict == "uninformative" and found.nll == pytest.approx(math.log(2.0))
    )
    assert found.slopes[0] == pytest.approx(1.0 / 6.0)
    assert calibrate([[2.0, 2.0]], [0]).verdict == "uninformative"
    assert calibrate([[2.0], [7.0]], [0, 0]).nll == 0.0


def test_reliability_by_hand():
    """Two bins: 0.2 and 0.5 below or at the edge 1/2, one right; 0.75 and 1 above, both right."""
    found = reliability([0.2, 0.5, 0.75, 1.0], [False, True, True, True], bins=2)
    assert len(reliability([0.5], [True]).counts) == 15
    assert found.edges.tolist() == [0.0, 0.5, 1.0] and found.counts.tolist() == [2, 2]
    assert found.confidence.tolist() == [0.35, 0.875] and found.accuracy.tolist() == [0.5, 1.0]
    assert found.expected_calibration_error == pytest.approx((2 * 0.15 + 2 * 0.125) / 4)


def test_no_confidence_falls_between_the_bins():
    """0 and 1 count: a sure miss and a certain one not taken are errors of 1."""
    assert reliability([0.0], [True], bins=10).expected_calibration_error == 1.0
    assert reliability([1.0], [False], bins=10).expected_calibration_error == 1.0
    both = reliability([0.95, 1.0], [True, False], bins=10)  # one bin: |0.5 - 0.975|
    assert both.counts[-1] == 2 and both.expected_calibration_error == pytest.approx(0.475)
    rng = np.random.default_rng(8)
    for bins in (1, 3, 10, 15):
        p = np.concatenate([np.arange(bins + 1) / bins, rng.random(50)])
        found = reliability(p, p > 0.5, bins)
        inside = [
            (p > a) & (p <= b) | ((a == 0.0) & (p == 0.0))
            for a, b in zip(found.edges, found.edges[1:], strict=False)
        ]
        assert found.counts.tolist() == [i.sum() for i in inside] and found.counts.sum() == len(p)
        gaps = [abs(np.mean(p[i] > 0.5) - np.mean(p[i])) * np.mean(i) for i in inside]
        assert found.expected_calibration_error == pytest.approx(sum(gaps), rel=1e-12)


@pytest.mark.parametrize("power", [-1020, -997, 997, 1020])
def test_calibration_sees_no_units(power):
    """beta* times the unit stays; three right of four, all by d: beta* = log(3) / d."""
    found = calibrate([[0.0, np.ldexp(1.0, power)]] * 4, [0, 0, 0, 1])
    assert np.ldexp(found.beta, power) == pytest.approx(np.log(3.0), rel=1e-14)
    assert found.verdict == "interior" and np.ldexp(found.error, power) < 1e-13


def test_a_small_difference_beside_a_huge_one_keeps_its_sign():
    """d = 2^1020 twice, -5e-324 once: beta* is finite, as one wrong answer is below a right one."""
    found = calibrate([[0.0, 2.0**1020], [5e-324, 0.0], [0.0, 2.0**1020]], [0, 0, 0])
    assert found.verdict == "interior" and 0.0 < found.beta < 1.0


def test_an_infinite_beta_is_refused_where_a_finite_one_is_due():
    with pytest.raises(ValueError, match=r"tables = .*must have larger differences: beta overflows"):
        calibrate([[0.0, 5e-324]] * 4, [0, 0, 0, 1])
    with pytest.raises(ValueError, match=r"betas = .*must not be so large that an energy overflows"):
        product_of_experts([[-1e308, 1e308], [1e308, -1e308]], [10.0, 10.0])
    assert product_of_experts([[0.0, np.inf], [1.0, 2.0]], [1.0, 2.0]).tolist() == [2.0, np.inf]


def test_the_base_rate_is_calibrated_and_knows_nothing():
    empty = reliability([0.25] * 4, [True, False, False, False])
    assert empty.expected_calibration_error == 0.0 and np.isnan(empty.accuracy[empty.counts == 0]).all()


def test_calibration_repairs_reliability():
    """Energies 5 times too large are far too sure; the fitted beta is 1/5, and ECE falls to noise."""
    rng = np.random.default_rng(9)
    tables, labels = sampled(rng, 1.0, n=1500)
    half = 5.0 * tables[:500], labels[:500]

    def error(beta):
        p = [density(5.0 * E, beta=beta) for E in tables[500:]]
        right = [int(np.argmax(q)) == y for q, y in zip(p, labels[500:], strict=True)]
        return reliability([q.max() for q in p], right, bins=5).expected_calibration_error

    beta = calibrate(*half).beta
    assert beta == pytest.approx(0.2, rel=0.15)
    assert error(1.0) > 0.15 > 0.06 > error(beta)


# combining two models that were trained apart

LOUD = 20.0  # the second model's energies are right, but for this factor
A_GIVEN_Y = np.array([[0.9, 0.1], [0.2, 0.8]])  # p(a | y): a good witness
B_GIVEN_Y = np.array([[0.6, 0.4], [0.4, 0.6]])  # p(b | y): a poor one


def witnesses():
    """Every (y, a, b) of a world of 1000, as often as it occurs: exact populations, no noise."""
    return [
        (y, a, b)
        for y in range(2)
        for a in range(2)
        for b in range(2)
        for _ in range(round(500 * A_GIVEN_Y[y, a] * B_GIVEN_Y[y, b]))
    ]


def test_adding_raw_energies_lets_the_louder_model_decide():
    """Exactly: calibrated, the sum is the posterior given both; raw, the poor witness overrules the good."""
    world = witnesses()
    assert len(world) == 1000
    E_a = lambda a: -np.log(A_GIVEN_Y[:, a])
    E_b = lambda b: -LOUD * np.log(B_GIVEN_Y[:, b])
    labels = [y for y, _, _ in world]
    beta_a = calibrate([E_a(a) for _, a, _ in world], labels).beta
    beta_b = calibrate([E_b(b) for _, _, b in world], labels).beta
    assert beta_a == pytest.approx(1.0, rel=1e-12) and beta_b == pytest.approx(1.0 / LOUD, rel=1e-12)
    errors = {"raw": 0, "calibrated": 0}
    for a in range(2):
        for b in range(2):
            joint = A_GIVEN_Y[:, a] * B_GIVEN_Y[:, b]
            together = product_of_experts([E_a(a), E_b(b)], [beta_a, beta_b])
            np.testing.assert_allclose(density(together), joint / joint.sum(), rtol=1e-11)
            raw = E_a(a) + E_b(b)
            for rule, energies in (("raw", raw), ("calibrated", together)):
                errors[rule] += sum(y != predict(energies) for y, *seen in world if seen == [a, b])
    assert errors == {"raw": 400, "calibrated": 150}  # of 1000: as wrong as b alone, as right as a alone


def test_adding_raw_energies_of_sampled_models():
    """Two views of five classes, 1 and 12 times too loud; held-out data fit the betas, others judge."""
    rng = np.random.default_rng(10)
    noise = np.array([0.8, 2.0])
    views = lambda labels: rng.normal(np.array(labels)[:, None], noise)
    loud = np.array([1.0, 12.0]) / noise**2 / 2.0
    energies = lambda x: [loud[i] * (x[i] - np.arange(5)) ** 2 for i in range(2)]
    fit, judge = rng.integers(5, size=(2, 400)).tolist()
    tables = [energies(x) for x in views(fit)]
    betas = [calibrate([t[i] for t in tables], fit).beta for i in range(2)]
    assert betas == pytest.approx([1.0, 1.0 / 12.0], rel=0.15)
    tables = [energies(x) for x in views(judge)]
    error = lambda betas: np.mean(
        [predict(product_of_experts(t, betas)) != y for t, y in zip(tables, judge, strict=True)]
    )
    assert error(betas) < error([1.0, 1e-9]) + 0.01 < error([1.0, 1.0]) - 0.1
    nll = lambda betas: np.mean(
        [-np.log(density(product_of_experts(t, betas))[y]) for t, y in zip(tables, judge, strict=True)]
    )
    assert nll(betas) < 1.0 < nll([1.0, 1.0])


def test_density_is_the_softargmin_and_energies_may_come_from_a_model():
    E = energy_table(lambda W, y: float(W[y]), 3, np.array([0.5, 2.0, 1.0]))
    np.testing.assert_allclose(density(E, beta=1.7), free_energy_energies_gradient(E, 1.7), rtol=1e-15)


def test_huge_energies_and_temperatures():
    """beta E is beyond the largest number; beta times a difference, or its exponential, need not be."""
    for table in ([1e308, 1.1e308], [-1e308, 0.0], [-1.1e308, -1e308]):
        assert density(table, beta=10.0).tolist() == [1.0, 0.0]
    assert density([1e308, 1e308], beta=10.0).tolist() == [0.5, 0.5]


def test_calibration_has_no_unit_of_energy():
    """Energies in any unit: beta, and how far it may be from the root, are in its inverse."""
    tables, labels = np.array([[0.0, 3.0], [0.0, 3.0], [0.0, 2.0]]), [0, 0, 1]
    found = calibrate(tables, labels)
    for unit in (2.0**-900, 2.0**-400, 2.0**400, 2.0**900):
        scaled = calibrate(unit * tables, labels)
        assert scaled.beta * unit == found.beta and scaled.error * unit == found.error
