"""The surface is the whole of it: nothing that the library has is left out."""

import pytest
import surface
from surface import ITEMS, make, optimizer_kinds, schedule_kinds, variants

from backprop_xp import activations, losses, optimizers, schedules
from backprop_xp.network import output_layer

NO_OPTIMIZER = {"Optimizer", "State", "LBFGS"}  # the protocol, a type, and what takes no steps
NO_SCHEDULE = {"Schedule", "Setting"}  # types


@pytest.mark.parametrize(
    "names",
    [
        activations.ACTIVATIONS,
        losses.LOSSES,
        optimizer_kinds(),
        schedule_kinds(),
        [type(pair).__name__ for pair in output_layer.CANONICAL_PAIRS],
    ],
    ids=["activations", "losses", "optimizers", "schedules", "canonical pairs"],
)
def test_every_name_has_an_item(names):
    covered = set().union(*(item.covers for item in ITEMS.values()))
    assert names
    assert set(names) <= covered, "write how to make it into surface.EXAMPLES"


def test_every_activation_is_tried_in_both_places():
    for name in activations.ACTIVATIONS:
        assert {f"hidden {name}", f"output {name}"} <= set(ITEMS)


def test_what_is_exported_is_an_optimizer_a_schedule_or_known_to_be_neither():
    assert set(optimizers.__all__) == set(optimizer_kinds()) | NO_OPTIMIZER
    assert set(schedules.__all__) == set(schedule_kinds()) | NO_SCHEDULE


@pytest.mark.parametrize("name", optimizer_kinds())
def test_every_optimizer_has_all_its_variants(name):
    for variant, _ in variants(name, optimizer_kinds()[name]):
        assert variant in ITEMS


@pytest.mark.parametrize("name", schedule_kinds())
def test_every_schedule_can_be_made(name):
    assert callable(make(name, schedule_kinds()[name]))


def test_what_cannot_be_made_is_named():
    class Needy:
        def __init__(self, what):
            self.what = what

    with pytest.raises(AssertionError, match=r"Needy .* surface.EXAMPLES"):
        make("Needy", Needy)
    with pytest.raises(AssertionError, match=r"Needy .* surface.EXAMPLES"):
        list(variants("Needy", Needy))


def test_numbers_out_of_range_are_named(monkeypatch):
    monkeypatch.setitem(surface.NUMBERS, "momentum", 2.0)
    with pytest.raises(AssertionError, match=r"SGD .*2.0.* surface.NUMBERS"):
        list(variants("SGD", optimizers.SGD))
