"""The columns that options name, and tables whose names, signs or headers are unusual."""

from pathlib import Path

import numpy as np
import pytest
from cli_cases import read_csv, write_csv

pytest.importorskip("sklearn", minversion="1.6")

from backprop_xp.cli.main import main

QUICK = ["--networks", "1", "--epochs", "1"]
M = 60


def run(*arguments):
    assert main([str(one) for one in arguments]) == 0


def made(header, *columns, name="t.csv"):
    """Write a table whose last column is made of 0.0, 0.25, and so on, unless it is given."""
    rows = [[column(i) for column in columns] for i in range(M)]
    write_csv(name, header, rows)


def quarter(i):
    return (i * 7 % M) / 4 + 0.01


def letter(i):
    return "abc"[i % 3]


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        (["1", "2", "3", "y"], ["--target", "y", "--ignore", "2"], "1 left out: 2, ignored"),
        (["1", "2", "3", "4"], ["--header", "--target", "2"], "target 2:"),
        (["a", "b", "c", "2019"], ["--target", "2019"], "target 2019:"),
        (["a", "b", "c", "d"], ["--target", "-1"], "target d:"),
        (["a, b", "b", "c", "d"], ["--ignore", "a, b"], "1 left out: a, b, ignored"),
        (
            ["a, b", "b", "c", "d"],
            ["--ignore", '"a, b",b'],
            "2 left out: a, b, ignored; b, ignored",
        ),
        (["-a", "b", "c", "d"], ["--ignore", "-a"], "1 left out: -a, ignored"),
        (["a", "b", "c", "d"], ["--ignore", "0,b"], "2 left out: a, ignored; b, ignored"),
        (["a", "b", "c", "d"], ["--order", "1"], "held out, the last by b"),
        (["a", "", "c", "d"], ["--order", "1"], "held out, the last by column 2"),
        (["a", "b", "c", "d"], ["--group", "2"], "held out, by c"),
        (["a", "b", "c", "d"], ["--group", "2", "--id", "c"], "1 id: c"),
    ],
)
def test_columns_are_named_by_name_or_else_by_index(header, options, words, capsys):
    made(header, quarter, lambda i: i * 11 % M + 0.5, letter, lambda i: i / 4)
    run("train", "t.csv", *options, *QUICK)
    assert words in capsys.readouterr().out


def test_an_index_in_a_table_without_a_header_is_no_name(capsys):
    write_csv("t.csv", None, [["a", 2, 0.5], *([letter(i), i % 5, i / 4] for i in range(M))])
    run("train", "t.csv", "--target", "2", "--no-header", *QUICK)
    out = capsys.readouterr().out
    assert "61 rows" in out
    assert "target column 3: numbers" in out


def test_digits_are_an_index_where_no_line_names_columns(capsys):
    rows = [[letter(i), i % 5, i / 4 + 0.1] for i in range(M)]
    rows[0][1] = 2
    write_csv("t.csv", None, rows)
    run("train", "t.csv", "--target", "2", *QUICK)
    assert "target column 3: numbers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--group", "z"], "--group: got 'z', which is no column"),
        (["--order", "z"], "--order: got 'z', which is no column"),
        (["--id", "z"], "--id: got 'z', which is no column"),
        (["--order", "a", "--ignore", "a"], "--order: got 'a', which is in --ignore too"),
        (["--order", "gaps"], "--order: got the column 'gaps' with a gap in line 5"),
        (["--report", ""], "--report"),
        (["--report", "r.txt"], "a name in .html or .htm. Use 'r.html'"),
        (["--target", "d", "--order", "d"], "--order: got 'd', which is the target"),
        (["--target", "d", "--group", "d"], "--group: got 'd', which is the target"),
        (["--target", "d", "--group", "2"], "The target cannot group the rows"),
        (["--target", "-1", "--order", "d"], "The target cannot order the rows"),
        (["--target", "d", "--id", "d"], "--target: got 'd', which is in --id too"),
        (["--group", "a", "--numbers", "a"], "--numbers: got 'a', which is in --group too"),
        (["--group", "0", "--numbers", "a"], "--numbers: got 'a', which is in --group too"),
        (["--json", ""], "--json"),
    ],
)
def test_refused_before_any_work(options, words, refused):
    made(["a", "gaps", "d"], quarter, lambda i: "" if i == 3 else i, lambda i: i / 4)
    assert words in refused("train", "t.csv", *QUICK, *options)
    assert not list(Path().glob("*.safetensors"))


@pytest.mark.parametrize("options", [["--missing"], ["--missing", "--header"]])
def test_an_option_is_no_text_of_the_one_before(options, capsys):
    with pytest.raises(SystemExit):
        main(["train", "t.csv", *options])
    assert "argument --missing: expected one argument" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_data(refused):
    assert "DATA: got 'nowhere.csv', no such file" in refused("train", "nowhere.csv")


@pytest.mark.parametrize("signs", ["-", "-,NA", "-inf"])
def test_signs_may_begin_with_a_minus(signs, refused, capsys):
    sign = signs.split(",")[0]
    made(["a", "d"], lambda i: sign if i % 5 == 0 else quarter(i), lambda i: i / 4)
    assert f'--missing="{sign}"' in refused("train", "t.csv", *QUICK)
    run("train", "t.csv", "--missing", signs, *QUICK)
    assert "1 column: 1 number" in capsys.readouterr().out


def test_predictions_beside_ids_of_the_same_names():
    made(["class", "probability_a", "x", "y"], "i{}".format, "j{}".format, quarter, letter)
    run("train", "t.csv", "--id", "class,probability_a", *QUICK)
    run("predict", "t.safetensors", "t.csv")
    header, rows = read_csv("predictions.csv")
    assert header[:4] == ["class", "probability_a", "predicted_class", "predicted_probability_a"]
    assert [row[0] for row in rows] == [f"i{i}" for i in range(M)]


def test_a_column_without_a_name_is_found_again():
    made(["", "x", "", "y"], str, quarter, letter, lambda i: i / 4)
    run("train", "t.csv", *QUICK)
    run("predict", "t.safetensors", "t.csv")
    run("evaluate", "t.safetensors", "t.csv")
    assert len(read_csv("predictions.csv")[1]) == M


def test_the_first_line_of_a_new_table_is_a_header_or_a_row_as_said():
    columns = (letter, lambda i: "uv"[i % 2], lambda i: "pq"[i % 2])
    made(None, *columns, name="rows.csv")
    made(["c", "d", "y"], *columns, name="named.csv")
    run("train", "rows.csv", "--no-header", "--out", "rows.safetensors", *QUICK)
    run("predict", "rows.safetensors", "rows.csv", "--out", "rows_p.csv")
    run("predict", "rows.safetensors", "named.csv", "--header", "--out", "named_p.csv")
    assert Path("rows_p.csv").read_text() == Path("named_p.csv").read_text()
    run("train", "named.csv", "--out", "named.safetensors", *QUICK)
    run("predict", "named.safetensors", "rows.csv", "--no-header", "--out", "again_p.csv")
    run("evaluate", "named.safetensors", "rows.csv", "--no-header")
    assert len(read_csv("again_p.csv")[1]) == M


def test_unusual_names_are_a_line_each_on_the_terminal_and_in_the_report(capsys):
    names = ["\x1b[31mred", "two\nlines", "👍", "L" * 500, "$x$_^"]
    made(
        ["two\nlines", "<b>", "$x$_^", "y\x07{title}%s"],
        quarter,
        lambda i: ("p\nq", "r" * 300)[i % 2],
        lambda i: i * 11 % M + 0.5,
        lambda i: names[i % 5],
    )
    run("train", "t.csv", "--report", "r.html", *QUICK)
    streams = capsys.readouterr()
    assert streams.err == ""
    lines = streams.out.splitlines()
    assert all(line[:10].strip() in ("", line.split()[0]) and len(line) < 400 for line in lines)
    assert "\x1b" not in streams.out
    assert "\x07" not in streams.out
    assert any(line.strip().startswith("two lines ") for line in lines)
    assert Path("r.html").read_text(encoding="ascii").count("<img ") == 3
    run("predict", "t.safetensors", "t.csv")
    found = {row[0] for row in read_csv("predictions.csv")[1]}
    assert found <= set(names)
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("rows", [1, 2])
def test_numbers_of_one_are_singular(rows, capsys):
    made(["x", "y"], quarter, lambda i: i / 4)
    run("train", "t.csv", *QUICK, "--order", "x")
    write_csv("few.csv", ["x", "y"], [[0.5 + i, 0.5] for i in range(rows)])
    run("evaluate", "t.safetensors", "few.csv")
    out = capsys.readouterr().out
    assert "an ensemble of 1 network\n" in out
    assert f"on {rows} row{'s' * (rows > 1)} of few.csv;" in out


def test_balanced_accuracy_stands_beside_that_of_one_class_of_the_rows(capsys):
    made(["x", "y"], quarter, letter)
    run("train", "t.csv", *QUICK)
    capsys.readouterr()
    for classes in ("ab", "abc"):
        write_csv("some.csv", ["x", "y"], [[0.5, name] for name in classes * 4])
        run("evaluate", "t.safetensors", "some.csv")
        share = np.round(100 / len(classes), 2)
        line = next(x for x in capsys.readouterr().out.splitlines() if "balanced" in x)
        assert line.endswith(f"({share:.2f} %)")


def test_long_names_that_differ_at_the_end_stay_different(capsys):
    made(["x", "y"], quarter, lambda i: f"a class with a rather long name, number {i % 15}")
    run("train", "t.csv", "--held-out", "0.5", "--report", "r.html", *QUICK)
    page = Path("r.html").read_text()
    head = page[page.index("Rows of each class") :]
    cells = head[head.index('<th scope="col">') : head.index("</tr>")].split("</th>")
    assert len(set(cells)) == 15 + 2
    assert "number 10 (4)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"), [([], "fewer columns (--ignore)"), (["--single"], "smaller --hidden")]
)
def test_a_lack_of_memory_names_options_of_the_same_kind(options, words, refused, monkeypatch):
    def lack(*_, **__):
        raise MemoryError("Unable to allocate 9 GiB")

    made(["x", "y"], quarter, lambda i: i / 4)
    monkeypatch.setattr("backprop_xp.cli.table_train._fit", lack)
    monkeypatch.setattr("backprop_xp.cli.train.train", lack)
    assert words in refused("train", "t.csv", *options)
