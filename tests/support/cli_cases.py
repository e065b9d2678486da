"""Tables for the command to train on, and what it wrote."""

import csv
from pathlib import Path

import numpy as np


def write_csv(name, header, rows):
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([header] if header else [])
        writer.writerows(rows)


def read_csv(name):
    with Path(name).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, rows


def flowers(m=200, seed=0):
    """Two columns of very different size, three classes that are far from each other."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=m)
    centres = np.array([[-1e5, 1e-3], [1e5, 1e-3], [0.0, -1e-3]])
    X = centres[labels] + rng.normal(size=(m, 2)) * [1e4, 1e-4] + [1e6, 0]
    return X, np.array(["iris", "rosé", 'say "x", y'])[labels]


def houses(m=400, seed=0):
    rng = np.random.default_rng(seed)
    X = np.stack([rng.normal(1e5, 2e4, m), rng.normal(0.01, 0.002, m), np.full(m, 7.7)], axis=1)
    price = 1e6 + 3e5 * np.sin((X[:, 0] - 1e5) / 2e4) + 5e7 * (X[:, 1] - 0.01)
    return X, price
