"""The two family trees of 1986: their people, relations and facts."""

from collections import Counter

import numpy as np
import pytest

from backprop_xp.datasets.kinship import ENGLISH, ITALIAN, PEOPLE, RELATIONS, fact_arrays, facts

# Facts per tree, as counted from the published figure.
PUBLISHED = {
    "father": 6,
    "mother": 6,
    "husband": 5,
    "wife": 5,
    "son": 6,
    "daughter": 6,
    "uncle": 2,
    "aunt": 2,
    "brother": 3,
    "sister": 3,
    "nephew": 4,
    "niece": 4,
}


def answers(person, relation):
    return next((f.answers for f in facts() if (f.person, f.relation) == (person, relation)), ())


def test_names():
    assert len(PEOPLE) == len(set(PEOPLE)) == 24
    assert tuple(PUBLISHED) == RELATIONS


def test_counts():
    assert len(facts()) == 104
    assert sum(len(fact.answers) for fact in facts()) == 112
    assert sum(len(fact.answers) == 2 for fact in facts()) == 8


@pytest.mark.parametrize("tree", [ENGLISH, ITALIAN])
def test_counts_of_each_tree(tree):
    people = {name for marriage in tree for name in marriage if name}
    assert Counter(f.relation for f in facts() if f.person in people) == PUBLISHED


def test_italian_tree_has_the_same_positions():
    italian = dict(zip(PEOPLE[:12], PEOPLE[12:], strict=True))
    moved = tuple(
        (italian[f.person], f.relation, tuple(map(italian.get, f.answers))) for f in facts()[:52]
    )
    assert moved == facts()[52:]


@pytest.mark.parametrize(
    ("person", "relation", "expected"),
    [
        ("Colin", "father", ("James",)),
        ("Colin", "mother", ("Victoria",)),
        ("Colin", "sister", ("Charlotte",)),
        ("Colin", "brother", ()),
        ("Colin", "uncle", ("Arthur", "Charles")),
        ("Charlotte", "aunt", ("Margaret", "Jennifer")),
        ("Margaret", "nephew", ("Colin",)),
        ("Christopher", "wife", ("Penelope",)),
        ("Victoria", "husband", ("James",)),
        ("Victoria", "brother", ("Arthur",)),
        ("Alfonso", "aunt", ("Gina", "Angela")),
        ("Tomaso", "niece", ("Sophia",)),
        ("Gina", "son", ()),
    ],
)
def test_known_answers(person, relation, expected):
    assert answers(person, relation) == expected


def test_people_with_two_answers():
    two = {f.person for f in facts() if len(f.answers) == 2}
    assert two == {"Colin", "Charlotte", "Alfonso", "Sophia"}


def test_arrays_say_what_the_facts_say():
    X, Y = fact_arrays()
    assert X.shape == (104, 36)
    assert Y.shape == (104, 24)
    assert X.dtype == Y.dtype == np.float32
    for fact, x, y in zip(facts(), X, Y, strict=True):
        assert np.flatnonzero(x).tolist() == [
            PEOPLE.index(fact.person),
            24 + RELATIONS.index(fact.relation),
        ]
        assert tuple(PEOPLE[j] for j in np.flatnonzero(y)) == fact.answers
    assert set(np.unique(X)) == set(np.unique(Y)) == {0.0, 1.0}
