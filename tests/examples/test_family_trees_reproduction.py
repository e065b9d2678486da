"""The family trees of 1986: what the script computes, on few starts and sweeps."""

import numpy as np
import pytest
import rumelhart1986_family_trees as trees

import backprop_xp as bp
from backprop_xp.datasets.kinship import ENGLISH, ITALIAN, PEOPLE


@pytest.mark.parametrize("net", [trees.NET, trees.NET_WITH_JUMP])
def test_the_gradient_of_an_error_zone_is_the_central_difference(net):
    theta = net.init(seed=0, initializer=trees.Uniform(1.0), dtype="float64")
    assert bp.check_gradient(net, theta, trees.X[:9], trees.Y[:9]).passed


@pytest.mark.parametrize(
    ("loss", "r"),
    [(trees.ErrorZone(), [0, 0, -0.3, 0.5]), (trees.ErrorZoneWithJump(), [0, 0, -0.5, 0.7])],
)
def test_no_error_within_the_zone(loss, r):
    a, y = np.array([[0.85, 0.15, 0.5, 0.7]]).T, np.array([[1.0, 0.0, 1.0, 0.0]]).T
    np.testing.assert_allclose(loss.dE_da(a, y)[:, 0], r, atol=1e-15)
    np.testing.assert_allclose(loss(a, y), [0.5 * np.square(r).sum()], rtol=1e-14)


def test_people_and_relations_meet_in_the_second_layer():
    mask = np.asarray(trees.NET.connections[0])
    assert mask.sum() == 6 * 24 + 6 * 12
    assert mask[:6, :24].all()
    assert mask[6:, 24:].all()


def test_each_start_holds_out_four_facts_of_its_own():
    learned = trees.training_facts(20)
    assert (learned.sum(axis=-1) == 100).all()
    assert len({tuple(one) for one in learned}) == 20
    np.testing.assert_array_equal(trees.training_facts(5), learned[:5])


def test_sweeps_are_those_of_the_paper(monkeypatch):
    # Δθ(t) = −ε ∂E/∂θ + α Δθ(t−1), E the sum over the training facts; then each weight shrinks
    monkeypatch.setattr(trees, "SWEEPS", 25)
    recipes, learned = trees.RECIPES[-2:], trees.training_facts(2)
    theta = start = trees.initial(recipes, 2)
    change = np.zeros_like(theta)
    epsilon = np.array([[[0.1]], [[0.05]]], dtype="float32")
    kept = np.array([[[0.998]], [[0.9998]]], dtype="float32")
    for sweep in range(25):
        _, dE_dtheta = trees.NET.gradient(theta, trees.X, trees.Y, case_weights=learned)
        rate, alpha = (epsilon / 2, 0.5) if sweep < 20 else (epsilon, 0.9)
        change = alpha * change - rate * dE_dtheta
        theta = kept * (theta + change)
    run = trees.train(trees.NET, recipes, start, learned)
    # some 1e-7 at each sweep, in float32
    np.testing.assert_allclose(run.theta, theta, rtol=1e-4, atol=1e-5)


def test_the_recipe_that_works_learns_and_the_printed_one_does_not(monkeypatch):
    monkeypatch.setattr(trees, "SWEEPS", 600)
    recipes, learned = (trees.PRINTED, trees.WORKS), trees.training_facts(4)
    run = trees.train(trees.NET, recipes, trees.initial(recipes, 4), learned)
    trained = trees.share(trees.right(run.theta), learned)
    assert trained[0].max() < 0.05
    assert trained[1].min() > 0.85
    assert len(run.history["trained"]) == 60
    np.testing.assert_array_equal(run.history["trained"][-1], trained)
    assert np.mean(run.history["held_out"][-1][1]) > 0.1  # by chance it is 24 bits right
    assert np.median(trees.best(run.theta[1])) > 1.2 * np.median(trees.best(run.theta[0]))


def test_attributes_follow_from_the_marriages():
    english, italian = trees.places(ENGLISH), trees.places(ITALIAN)
    assert english["Christopher"] == english["Penelope"] == (1, -1)
    assert english["Arthur"] == english["Margaret"] == english["Victoria"] == (2, -1)
    assert english["James"] == english["Charles"] == english["Jennifer"] == (2, 1)
    assert english["Colin"] == english["Charlotte"] == (3, 0)
    assert [english[name] for name in PEOPLE[:12]] == [italian[name] for name in PEOPLE[12:]]
    assert trees.attributes()["nationality"].tolist() == [1] * 12 + [-1] * 12


def test_correlations_are_pearsons():
    theta = trees.NET.init(seed=0, dtype="float64", stack=2)
    found = trees.correlations(theta)
    assert found.shape == (2, 6, 3)
    of_people = list(trees.attributes().values())
    for network, r in zip(trees.weights_of_people(theta), found, strict=True):
        np.testing.assert_allclose(r, np.corrcoef(network, of_people)[:6, 6:], rtol=0, atol=1e-12)
    trees.weights_of_people(theta)[0, 2] = -3 * of_people[1] + 1  # a view of θ
    assert trees.best(theta)[0, 1] == pytest.approx(1)


def test_the_report(monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.setattr(trees, "SWEEPS", 20)
    report = trees.report(quick=True, mnist=None)
    facts, published, recipes, starts = report.tables
    assert all(row[1] == row[2] for row in facts.rows)
    assert all(row[2] == row[3] for row in facts.rows[:12])
    assert [row[1] for row in published.rows[1:3]] == ["4 of 4", "1 of 1"]
    assert (len(recipes.rows), len(starts.rows)) == (len(trees.RECIPES), 5)
    assert [name.startswith("family_trees_") for name in report.pictures] == [True, True]
    assert max(len(line) for table in report.tables for line in table.text().splitlines()) <= 100
    assert "nan" not in report.text()
