"""Fixtures of the tests of estimators."""

import pytest


@pytest.fixture
def new_starts(monkeypatch):
    """Stacks go on without ended networks after two updates in vain, so that they do here."""
    stacks = pytest.importorskip("backprop_xp.estimators.stacks")
    monkeypatch.setattr(stacks, "NEW_START", 2)


@pytest.fixture
def trained(monkeypatch):
    """The numbers of members of each stack, and of those among them that were fitted alone."""
    folds = pytest.importorskip("backprop_xp.estimators.folds")
    seen, train_stack = [], folds.train_stack

    def spy(stack):
        alone = train_stack(stack)
        seen.append((len(stack), len(alone)))
        return alone

    monkeypatch.setattr(folds, "train_stack", spy)
    return seen
