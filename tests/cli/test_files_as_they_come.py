"""Each file that the reader takes goes through the three commands, or is refused by a line."""

from pathlib import Path

import numpy as np
import pytest
from cli_cases import read_csv
from files_that_are_read import READ
from files_that_are_refused import REFUSED
from needs import every, some_of

pytest.importorskip("sklearn", minversion="1.6")

from backprop_xp.cli.main import main

QUICK = ["--networks", "1", "--epochs", "1"]
OF_READER = {"task": "--task", "dates": "--dates", "decimal": "--decimal", "ids": "--id"}


def options_for(given):
    found = []
    for name, value in given.items():
        texts = [value] if isinstance(value, str) else value
        if isinstance(value, bool):
            found.append("--header" if value else "--no-header")
        else:
            found.append(f"{OF_READER.get(name, f'--{name}')}={','.join(texts)}")
    return found


def write(text):
    Path("a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("name", some_of((one for one in READ if "labels" not in one), 12))
def test_read_trained_predicted_and_evaluated(name, capsys):
    text, given, columns, _, target = READ[name]
    write(text)
    assert main(["train", "a.csv", *QUICK, "--held-out", "0.25", *options_for(given)]) == 0
    out = capsys.readouterr().out
    assert columns in out
    assert target in out
    assert main(["predict", "a.safetensors", "a.csv", "--out", "p.csv"]) == 0
    header, rows = read_csv("p.csv")
    assert len(rows) == int(out.split(" rows")[0].split()[-1].replace(",", ""))
    places = [j for j, one in enumerate(header) if one.startswith("probability_")]
    if places:
        p = np.array([[row[j] for j in places] for row in rows], dtype=float)
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert main(["evaluate", "a.safetensors", "a.csv"]) == 0


@every
@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_a_line(name, refused):
    text, given, words = REFUSED[name]
    write(text)
    options = options_for(given)
    if any(option.startswith(("--categories=lenght", "--categories=x")) for option in options):
        words = ["--categories", *words[1:]]
    line = refused("train", "a.csv", *QUICK, *options)
    for word in words:
        assert word in line or "=" in word


def test_a_file_of_another_format_is_told_how_to_be_saved(refused):
    for name in ("a.xlsx", "a.json"):
        Path(name).write_bytes(b"PK")
        assert "Save the table as 'CSV UTF-8'" in refused("train", name)
    Path("a.tsv").write_text("x\ty\n1\t2\n3\t4\n")
    assert "Leave the options of one network out" in refused("train", "a.tsv", "--single")


@pytest.mark.parametrize("cell", ["Berlin", "", "2024-05-31"], ids=["text", "gap", "date"])
@pytest.mark.parametrize("option", ["--single", "--hidden=3"])
def test_one_network_refuses_what_the_ensemble_takes_and_names_it(option, cell, refused):
    Path("a.csv").write_text(f"x,c,y\n1,2,a\n2,{cell},b\n3,4,a\n4,5,b\n")
    line = refused("train", "a.csv", option)
    assert "a.csv, line 3, column 2 ('c')" in line
    which = "--single" if option == "--single" else "the options of one network"
    assert f"Leave {which} out, as the ensemble takes texts, dates and gaps; or " in line
