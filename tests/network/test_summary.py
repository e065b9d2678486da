"""The summary of a network: its numbers, and that every terminal shows it."""

import re

import numpy as np
import pytest

import backprop_xp as bp

NETWORKS = {
    "one layer": bp.Network([3, 2]),
    "wide": bp.Network([784, 1024, 1024, 10], ["relu", "tanh"]),
    "masked": bp.Network([3, 4, 2], "tanh", connections=[np.eye(4, 3), None]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_its_rows_are_the_layers(name):
    net = NETWORKS[name]
    head, *rows, total, loss = net.summary().splitlines()
    assert head.split() == ["layer", "inputs", "units", "activation", "parameters", "removed"]
    cells = [row.split() for row in rows]
    assert [row[1] for row in cells] == ["hidden"] * (len(rows) - 1) + ["output"]
    assert [int(row[2]) for row in cells] == list(net.sizes[:-1])
    assert [int(row[3]) for row in cells] == list(net.sizes[1:])
    assert [row[4] for row in cells] == [one.name for one in net.activations]
    assert [int(row[5]) for row in cells] == [n.W.size + n.b.size for n in net.unpack(net.init())]
    exists = net.existing(net.init())
    removed = 0 if exists is None else int((exists == 0).sum())
    assert total.split() == ["total", str(net.parameter_count), str(removed)]
    assert sum(int(row[6]) for row in cells) == removed
    assert loss.split() == ["loss", net.loss.name]


def test_the_columns_are_aligned():
    lines = NETWORKS["wide"].summary().splitlines()
    ends = [re.search(r"\d+(?=  |$)(?=\s+\d+$)", line).end() for line in lines[1:4]]
    assert len(set(ends)) == 1
    assert len({len(line) for line in lines[:-1]}) == 1


def test_the_prompt_shows_what_print_shows():
    found = NETWORKS["masked"].summary()
    assert repr(found) == str(found)
    assert isinstance(found, str)


def test_a_users_own_parts():
    class Own(bp.activations.Tanh):
        name = "σ of mine"

    class Unnamed:
        def __call__(self, z):
            return z

        def da_dz(self, z, _):
            return z * 0 + 1

    text = bp.Network([2, 3, 4, 1], [Own(), Unnamed()], "identity", "squared_error").summary()
    assert text.isascii()
    assert "\\u03c3 of mine" in text
    assert "Unnamed" in text
