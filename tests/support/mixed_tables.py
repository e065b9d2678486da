"""Tables of mixed columns for the command: numbers, texts, dates, ids and gaps."""

import numpy as np
from cli_cases import write_csv

HEADER = ["order", "area", "district", "when", "visits", "y"]


def mixed_rows(m=200, seed=0, *, classes=("no", "yes")):
    """Rows whose last cell is a class that follows from area and district, or a number of both."""
    rng = np.random.default_rng(seed)
    area = rng.uniform(20, 120, m)
    district = rng.choice(["north", "south", "east"], m)
    day = rng.integers(1, 28, m)
    score = area / 50 + 1.5 * (district == "north")
    target = np.array(classes)[(score > 2).astype(int)] if classes else np.round(10 * score, 3)
    return [
        [
            f"o{i:04d}",
            "" if i % 17 == 5 else f"{area[i]:.2f}",
            "" if i % 23 == 7 else district[i],
            f"2024-{1 + i % 12:02d}-{day[i]:02d}",
            int(rng.integers(40)),
            target[i],
        ]
        for i in range(m)
    ]


def write_mixed(name="orders.csv", m=200, seed=0, **options):
    rows = mixed_rows(m, seed, **options)
    write_csv(name, HEADER, rows)
    return rows
