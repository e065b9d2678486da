"""Two family trees, and the twelve relations in them.

Each tree is five marriages and their children. Parents, spouses, children and siblings are read
from the marriages. All other relations, such as aunt, are compositions of these four.

References
----------
Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323,
1986, figure 2; Hinton, "Learning distributed representations of concepts", 1986.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENGLISH", "ITALIAN", "PEOPLE", "RELATIONS", "Fact", "Marriage", "fact_arrays", "facts"]


class Marriage(NamedTuple):
    """A husband and a wife, and their son and daughter where they have children."""

    husband: str
    wife: str
    son: str | None = None
    daughter: str | None = None


ENGLISH: Final = (
    Marriage("Christopher", "Penelope", "Arthur", "Victoria"),
    Marriage("Andrew", "Christine", "James", "Jennifer"),
    Marriage("Arthur", "Margaret"),
    Marriage("James", "Victoria", "Colin", "Charlotte"),
    Marriage("Charles", "Jennifer"),
)
ITALIAN: Final = (  # person by person in the positions of the English tree
    Marriage("Roberto", "Maria", "Emilio", "Lucia"),
    Marriage("Pierro", "Francesca", "Marco", "Angela"),
    Marriage("Emilio", "Gina"),
    Marriage("Marco", "Lucia", "Alfonso", "Sophia"),
    Marriage("Tomaso", "Angela"),
)


class Fact(NamedTuple):
    """A question and its answers, such as "Who are Colin's aunts?" Margaret and Jennifer."""

    person: str
    relation: str
    answers: tuple[str, ...]


Pairs: TypeAlias = set[tuple[str, str]]  # (person, relative)


def _men_and_women(tree: tuple[Marriage, ...]) -> tuple[list[str], list[str]]:
    """Return the names of the men and of the women, each name once, spouses before children."""
    men = [marriage.husband for marriage in tree] + [marriage.son for marriage in tree]
    women = [marriage.wife for marriage in tree] + [marriage.daughter for marriage in tree]
    return list(dict.fromkeys(filter(None, men))), list(dict.fromkeys(filter(None, women)))


def _people(tree: tuple[Marriage, ...]) -> list[str]:
    men, women = _men_and_women(tree)
    return men + women


def _converse(pairs: Pairs) -> Pairs:
    """Return (b, a) for each (a, b)."""
    return {(relative, person) for person, relative in pairs}


def _compose(first: Pairs, second: Pairs) -> Pairs:
    """Return (a, c) for each (a, b) in `first` and (b, c) in `second`."""
    return {(a, c) for a, b in first for b2, c in second if b == b2}


def _relatives(tree: tuple[Marriage, ...]) -> dict[tuple[str, str], Pairs]:
    """Return the pairs (person, relative) by the titles of a male and of a female relative."""
    parent = {
        (child, elder)
        for husband, wife, son, daughter in tree
        for child in (son, daughter)
        if child
        for elder in (husband, wife)
    }
    wife_of = {(marriage.husband, marriage.wife) for marriage in tree}
    spouse = wife_of | _converse(wife_of)
    child = _converse(parent)
    sibling = {(a, b) for a, b in _compose(parent, child) if a != b}
    by_blood = _compose(parent, sibling)
    uncle_or_aunt = by_blood | _compose(by_blood, spouse)
    return {
        ("father", "mother"): parent,
        ("husband", "wife"): spouse,
        ("son", "daughter"): child,
        ("uncle", "aunt"): uncle_or_aunt,
        ("brother", "sister"): sibling,
        ("nephew", "niece"): _converse(uncle_or_aunt),
    }


PEOPLE: Final = (*_people(ENGLISH), *_people(ITALIAN))
"""The 24 names: the English men and women, then the Italians in the same positions."""

RELATIONS: Final = tuple(title for titles in _relatives(ENGLISH) for title in titles)
"""The 12 relations: father, mother, husband, wife, son, daughter, uncle, aunt, …"""


def facts() -> tuple[Fact, ...]:
    """Return the 104 facts of the two trees, 8 of which have two answers.

    Returns
    -------
    tuple of Fact
        Ordered by person as in `PEOPLE`, then by relation as in `RELATIONS`: 52 English facts, then
        52 Italian facts in the same positions. Answers are in the order of `PEOPLE`. Spouses of a
        parent's brother or sister count as uncles and aunts.

    Examples
    --------
    >>> len(facts())
    104
    >>> [fact for fact in facts() if fact.person == "Colin" and fact.relation == "aunt"]
    [Fact(person='Colin', relation='aunt', answers=('Margaret', 'Jennifer'))]
    """
    found = []
    for tree in (ENGLISH, ITALIAN):
        relatives, (men, women) = _relatives(tree), _men_and_women(tree)
        for person in men + women:
            for titles, pairs in relatives.items():
                for title, bearers in zip(titles, (men, women), strict=True):
                    answers = tuple(name for name in bearers if (person, name) in pairs)
                    if answers:
                        found.append(Fact(person, title, answers))
    return tuple(found)


def fact_arrays() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the facts as questions X and answers Y.

    Returns
    -------
    X : array (104, 36) of float32
        Row r is the question of ``facts()[r]``: a 1 for the person among the first 24 columns, in
        the order of `PEOPLE`, and a 1 for the relation among the last 12 columns, in the order of
        `RELATIONS`; 0 elsewhere.
    Y : array (104, 24) of float32
        Row r is the answer: a 1 for each person in it, 0 elsewhere.

    Examples
    --------
    >>> X, Y = fact_arrays()
    >>> X.shape, Y.shape, int(Y.sum())
    ((104, 36), (104, 24), 112)
    """
    known = facts()
    X = np.zeros((len(known), len(PEOPLE) + len(RELATIONS)), dtype=np.float32)
    Y = np.zeros((len(known), len(PEOPLE)), dtype=np.float32)
    for row, (person, relation, answers) in enumerate(known):
        X[row, PEOPLE.index(person)] = 1
        X[row, len(PEOPLE) + RELATIONS.index(relation)] = 1
        for answer in answers:
            Y[row, PEOPLE.index(answer)] = 1
    return X, Y
