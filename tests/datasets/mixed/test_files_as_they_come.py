"""Files as they come: each is read rightly, or refused with the line, the column and the option."""

import json

import pytest

from backprop_xp.datasets import read_like, read_mixed
from backprop_xp.errors import BackpropError

ROWS = 12


def lines(header, row, sep=",", count=ROWS):
    """Return a text with a header and the rows that a function gives for 0, 1, and so on."""
    made = [sep.join(map(str, row(i))) for i in range(count)]
    return "\n".join([header, *made] if header else made) + "\n"


def colour(i):
    return ("red", "green", "blue")[i % 3]


def kind(i):
    return ("a", "b")[i % 2]


# name: text, options, columns of the summary, the first row, the target's line of the summary
READ = {
    "numbers and text classes": (
        lines("x,y,kind", lambda i: (i / 4, 7 - i, kind(i))),
        {},
        "2 columns: 2 numbers",
        [0.0, 7.0],
        "target kind: 2 classes, a (6), b (6)",
    ),
    "a byte order mark and ends of Windows": (
        "\ufeff" + lines("x,y,kind", lambda i: (i / 4, 7 - i, kind(i))).replace("\n", "\r\n"),
        {},
        "2 columns: 2 numbers",
        [0.0, 7.0],
        "target kind: 2 classes, a (6), b (6)",
    ),
    "gaps of several signs": (
        lines("x,c,y", lambda i: (("NA", "?", "", "5")[i % 4], ("red", "")[i % 2], i + 0.5)),
        {},
        "2 columns: 1 number, 1 category",
        [None, "red"],
        "target y: numbers from 0.5 to 11.5",
    ),
    "a constant column with gaps is kept, without them it is left out": (
        lines("c,d,x,y", lambda i: (("red", "")[i % 2], "EU", i, i + 0.5)),
        {},
        "3 columns: 1 number, 1 category; 1 left out: d, one value, 'EU'",
        ["red", 0.0],
        "target y: numbers from 0.5 to 11.5",
    ),
    "an empty column and an id of texts": (
        lines("customer_id,nothing,x,y", lambda i: (f"C-{i:04}", "", i % 5, i + 0.5)),
        {},
        "3 columns: 1 number; 2 left out: customer_id, all different; nothing, no values",
        [0.0],
        "target y: numbers from 0.5 to 11.5",
    ),
    "an id of numbers by its name": (
        lines("PassengerId,x,y", lambda i: (1000 + 7 * i, i % 5, i + 0.5)),
        {},
        "2 columns: 1 number; 1 left out: PassengerId, all different",
        [0.0],
        "target y: numbers from 0.5 to 11.5",
    ),
    "the numbers of rows without a name": (
        lines(",x,y", lambda i: (i, i % 5, i + 0.5)),
        {},
        "2 columns: 1 number; 1 left out: column 1, all different",
        [0.0],
        "target y: numbers from 0.5 to 11.5",
    ),
    "the numbers of rows with a name": (
        lines("n,x,y", lambda i: (i + 1, i % 5, i + 0.5), count=60),
        {},
        "2 columns: 1 number; 1 left out: n, the number of the row",
        [0.0],
        "target y: numbers from 0.5 to 59.5",
    ),
    "all different whole numbers that are no id": (
        lines("population,x,y", lambda i: (1000 + i * i, i % 5, i + 0.5)),
        {},
        "2 columns: 2 numbers",
        [1000.0, 0.0],
        "target y: numbers from 0.5 to 11.5",
    ),
    "an id that the caller names": (
        lines("key,x,y", lambda i: (f"k{i}", i % 5, i + 0.5)),
        {"ids": "key"},
        "2 columns: 1 number; 1 id: key",
        [0.0],
        "target y: numbers from 0.5 to 11.5",
    ),
    "semicolons and decimal commas": (
        lines("Größe;Preis;y", lambda i: (f"{i},5", f"1.{i:03},50", kind(i)), sep=";"),
        {},
        "2 columns: 2 numbers",
        [0.5, 1000.5],
        "target y: 2 classes, a (6), b (6)",
    ),
    "thousands of a point beside decimal commas": (
        lines("x;p;y", lambda i: (f"{i},25", f"{i + 1}.{i:03}", kind(i)), sep=";"),
        {},
        "2 columns: 2 numbers",
        [0.25, 1000.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "semicolons and decimal points": (
        lines("x;p;y", lambda i: (0.99 + i / 1000, f"{i + 1}.125", kind(i)), sep=";"),
        {},
        "2 columns: 2 numbers",
        [0.99, 1.125],
        "target y: 2 classes, a (6), b (6)",
    ),
    "groups of a comma in quoted cells": (
        lines("x,p,y", lambda i: (i / 8, f'"{i + 1},{i:03}"', kind(i))),
        {},
        "2 columns: 2 numbers",
        [0.0, 1000.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "groups of spaces": (
        lines("x;p;y", lambda i: (f"{i},5", f"{i + 1}\u202f{i:03},5", kind(i)), sep=";"),
        {},
        "2 columns: 2 numbers",
        [0.5, 1000.5],
        "target y: 2 classes, a (6), b (6)",
    ),
    "tabs": (
        lines("x\tc\ty", lambda i: (i / 4, f"{colour(i)}, light", kind(i)), sep="\t"),
        {},
        "2 columns: 1 number, 1 category",
        [0.0, "red, light"],
        "target y: 2 classes, a (6), b (6)",
    ),
    "bars": (
        lines("x|c|y", lambda i: (i / 4, colour(i), kind(i)), sep="|"),
        {},
        "2 columns: 1 number, 1 category",
        [0.0, "red"],
        "target y: 2 classes, a (6), b (6)",
    ),
    "quoted cells with separators, quotation marks and lines": (
        lines("x,c,y", lambda i: (i / 4, ('"a, ""b"""', '"c\nd"')[i % 2], kind(i))),
        {},
        "2 columns: 1 number, 1 category",
        [0.0, 'a, "b"'],
        "target y: 2 classes, a (6), b (6)",
    ),
    "no header": (
        lines("", lambda i: (i / 4, colour(i), kind(i))),
        {},
        "2 columns: 1 number, 1 category",
        [0.0, "red"],
        "target column 3: 2 classes, a (6), b (6)",
    ),
    "texts alone with a header": (
        lines("cap,odour,class", lambda i: ("xyz"[i % 3], "pq"[i // 6], kind(i))),
        {},
        "2 columns: 2 categories",
        ["x", "p"],
        "target class: 2 classes, a (6), b (6)",
    ),
    "texts alone without a header": (
        lines("", lambda i: ("xyz"[i % 3], "pq"[i // 6], kind(i))),
        {},
        "2 columns: 2 categories",
        ["x", "p"],
        "target column 3: 2 classes, a (6), b (6)",
    ),
    "years as names of columns": (
        lines("country,2019,2020,y", lambda i: (colour(i), i / 4, i + 1, kind(i))),
        {},
        "3 columns: 2 numbers, 1 category",
        ["red", 0.0, 1.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "names of columns that are read as infinite or missing numbers": (
        lines("inf,nan,y", lambda i: (i / 4, i + 1, kind(i))),
        {},
        "2 columns: 2 numbers",
        [0.0, 1.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "truth values of any case": (
        lines(
            "b,x,y", lambda i: (("TRUE", "False", "true")[i % 3], i / 4, ("TRUE", "FALSE")[i % 2])
        ),
        {},
        "2 columns: 1 number, 1 truth value",
        [1.0, 0.0],
        "target y: 2 classes, FALSE (6), TRUE (6)",
    ),
    "dates, with and without a time": (
        lines("when,at,y", lambda i: (f"2024-05-{i + 1:02}", f"2024-01-{i + 1:02} 06:00", kind(i))),
        {},
        "2 columns: 2 dates",
        [2024.0, 5.0, 2.0, 19844.0, 2024.0, 1.0, 0.0, 19723.25],
        "target y: 2 classes, a (6), b (6)",
    ),
    "dates of a given format": (
        lines("when,y", lambda i: (f"{i + 1}.5.2024", kind(i))),
        {"dates": "%d.%m.%Y"},
        "1 column: 1 date",
        [2024.0, 5.0, 2.0, 19844.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "codes that begin by 0": (
        lines("zip,x,y", lambda i: (f"0{1000 + i % 4}", i / 4, kind(i))),
        {},
        "2 columns: 1 number, 1 category",
        ["01000", 0.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "one huge category": (
        lines("shop,x,y", lambda i: (f"shop {i // 2}", i / 4, kind(i)), count=2000),
        {},
        "2 columns: 1 number, 1 category",
        ["shop 0", 0.0],
        "target y: 2 classes, a (1,000), b (1,000)",
    ),
    "texts that are nearly all different": (
        lines("note,x,y", lambda i: (f"note {max(i, 3)}", i / 4, kind(i)), count=2000),
        {},
        "2 columns: 1 number; 1 left out: note, nearly all different, 1,997 of 2,000",
        [0.0],
        "target y: 2 classes, a (1,000), b (1,000)",
    ),
    "numbers as categories": (
        lines("zone,x,y", lambda i: (i % 3, i / 4, kind(i))),
        {"categories": ["zone"]},
        "2 columns: 1 number, 1 category",
        ["0", 0.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "few codes and one text are a category": (
        lines("rooms,x,y", lambda i: (("1", "2", "3", "4+")[i % 4], i / 4, kind(i))),
        {},
        "2 columns: 1 number, 1 category",
        ["1", 0.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "classes from 1": (
        lines("x,y", lambda i: (i / 4, i % 3 + 1)),
        {},
        "1 column: 1 number",
        [0.0],
        "target y: 3 classes, 1 (4), 2 (4), 3 (4)",
    ),
    "classes of minus one and one": (
        lines("x,y", lambda i: (i / 4, (-1, 1)[i % 2])),
        {},
        "1 column: 1 number",
        [0.0],
        "target y: 2 classes, -1 (6), 1 (6)",
    ),
    "classes of 0.0 and 1.0": (
        lines("x,y", lambda i: (i / 4, (0.0, 1.0)[i % 2])),
        {},
        "1 column: 1 number",
        [0.0],
        "target y: 2 classes, 0 (6), 1 (6)",
    ),
    "whole numbers above thirty": (
        lines("x,y", lambda i: (i / 4, 3 * i), count=31),
        {},
        "1 column: 1 number",
        [0.0],
        "target y: numbers from 0 to 90",
    ),
    "whole numbers as the caller says": (
        lines("x,y", lambda i: (i / 4, i % 3)),
        {"task": "numbers"},
        "1 column: 1 number",
        [0.0],
        "target y: numbers from 0 to 2",
    ),
    "labels in several columns": (
        lines("x,p,q", lambda i: (i / 4, i % 2, ("true", "false")[i // 6])),
        {"target": ["p", "q"]},
        "1 column: 1 number",
        [0.0],
        "targets p, q: labels, ones in p (6), q (6)",
    ),
    "a target in the first column": (
        lines("y,x", lambda i: (kind(i), i / 4)),
        {"target": "y"},
        "1 column: 1 number",
        [0.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "a line of the separator, as Excel has it": (
        "sep=:\n" + lines("x:y", lambda i: (i / 4, kind(i)), sep=":"),
        {},
        "1 column: 1 number",
        [0.0],
        "target y: 2 classes, a (6), b (6)",
    ),
    "lines that end in the separator": (
        lines("x,y,", lambda i: (i / 4, kind(i), "")),
        {"target": "y"},
        "2 columns: 1 number; 1 left out: column 3, no values",
        [0.0],
        "target y: 2 classes, a (6), b (6)",
    ),
}

# name: text, options, words of the error
REFUSED = {
    "a wrong last line": (
        lines("x,c,y", lambda i: (i / 4, colour(i), i + 0.5)) + "Total,33\n",
        {},
        ["line 14", "got 2 cells", "expected 3, as in line 1"],
    ),
    "a last line of sums": (
        lines("x,c,y", lambda i: (i / 4, colour(i), i + 0.5)) + "Total,,72\n",
        {},
        ["line 14, column 1 ('x')", "the text 'Total'", "missing=['Total'] (--missing Total)"],
    ),
    "a letter in a number": (
        lines("x,y", lambda i: ("1O.5" if i == 5 else i / 4, i + 0.5)),
        {},
        ["line 7, column 1 ('x')", "'1O.5'", "--categories x", "--ignore x"],
    ),
    "a sign of a missing value that is not usual": (
        lines("x,y", lambda i: ("n.v." if i % 11 == 5 else i / 4, i + 0.5), count=40),
        {},
        ["line 7, column 1 ('x')", "'n.v.', in 4 of 40 cells", '--missing "n.v."'],
    ),
    "a sign of a missing value in many cells": (
        lines("x,y", lambda i: ("-" if i % 3 == 0 else i / 4, i + 0.5), count=40),
        {},
        ["line 2, column 1 ('x')", "'-', in 14 of 40 cells", '--missing="-"'],
    ),
    "several signs of a missing value": (
        lines("x,y", lambda i: (("n.v.", "none")[i % 2] if i % 4 < 2 else i, i + 0.5), count=60),
        {"missing": ["NA"]},
        [
            "the texts 'n.v.', 'none', in 30 of 60",
            """missing=['NA', 'n.v.', 'none'] (--missing "NA,""",
        ],
    ),
    "a sign of a missing date in many cells": (
        lines(
            "when,y",
            lambda i: ("open" if i % 3 == 0 else f"2024-05-{i % 28 + 1:02}", i + 0.5),
            count=40,
        ),
        {},
        ["line 2, column 1 ('when')", "'open', in 14 of 40 cells", "--missing open"],
    ),
    "negative numbers in brackets": (
        lines("x,y", lambda i: (f"({i}.5)" if i % 3 == 0 else i + 0.5, i + 0.5), count=40),
        {},
        ["line 2, column 1 ('x')", "'(0.5)', a number in brackets", "Write -0.5", "--categories x"],
    ),
    "a target of amounts": (
        lines("x,y", lambda i: (i / 4, f"{i}.50 €"), count=40),
        {},
        [
            "line 2, column 2 ('y')",
            "Remove the signs",
            "--task classes",
            "another target (--target)",
        ],
    ),
    "years that may name the columns": (
        lines("2018,2019,2020", lambda i: (i / 4, i / 8, i + 0.5)),
        {},
        ["line 1, column 1", "'2018'", "--no-header"],
    ),
    "another date": (
        lines("when,y", lambda i: ("unknown" if i == 5 else f"2024-05-{i + 1:02}", i + 0.5)),
        {},
        ["line 7, column 1 ('when')", "'unknown'", "a date as in the other rows"],
    ),
    "dates of an unknown format": (
        lines("when,y", lambda i: (f"{i + 10}.05.2024", i + 0.5)),
        {},
        ["line 2, column 1 ('when')", "'10.05.2024'", """dates='%d.%m.%Y' (--dates "%d.%m.%Y")"""],
    ),
    "dates of two possible formats": (
        lines("when,y", lambda i: (f"05/{i % 12 + 1:02}/2024", i + 0.5)),
        {},
        ["column 1 ('when')", "dates='%m/%d/%Y'", "or dates='%d/%m/%Y'"],
    ),
    "amounts of money": (
        lines("price,y", lambda i: (f'"$1,{i:03}.50"', i + 0.5)),
        {},
        ["line 2, column 1 ('price')", "'$1,000.50', a number with a sign", "--categories price"],
    ),
    "per cent": (
        lines("rate,y", lambda i: (f"{i}.5%", i + 0.5)),
        {},
        ["line 2, column 1 ('rate')", "'0.5%', a number with a sign", "--ignore rate"],
    ),
    "measurements below and above a limit": (
        lines("crp,y", lambda i: (f"<{i}.5" if i % 4 == 1 else f"{i}.5", i + 0.5)),
        {},
        ["line 3, column 1 ('crp')", "'<1.5', a number with a sign", "--categories crp"],
    ),
    "numbers with a unit": (
        lines("weight,y", lambda i: (f"{i}.5 kg", i + 0.5)),
        {},
        ["line 2, column 1 ('weight')", "'0.5 kg', a number with the unit 'kg'"],
    ),
    "decimal points and commas in one column": (
        lines("x;y", lambda i: (f"{i}{'.,'[i % 2]}5", i + 0.5), sep=";"),
        {},
        ["line 3, column 1 ('x')", "'1,5', a decimal comma among numbers with a decimal point"],
    ),
    "classes that differ in case": (
        lines("x,y", lambda i: (i / 4, ("yes", "no", "Yes")[i % 3])),
        {},
        ["column 2 ('y')", "the classes 'Yes' and 'yes'", "--task classes"],
    ),
    "numbers of two meanings": (
        lines("x\tp\ty", lambda i: (i, f"{i + 1},{i:03}", kind(i)), sep="\t"),
        {},
        ["line 2, column 2 ('p')", "'1,000'", "decimal='.' (--decimal", "decimal=',' (--decimal"],
    ),
    "thousands of a point without another column": (
        lines("x;p;y", lambda i: (i, f"{i + 1}.{i:03}", kind(i)), sep=";"),
        {},
        ["line 2, column 2 ('p')", "'1.000'", "--decimal"],
    ),
    "another mark than the given one": (
        lines("x;y", lambda i: (f"{i}.5", kind(i)), sep=";"),
        {"decimal": ","},
        ["line 2, column 1 ('x')", "'0.5'", "a number with ',' before decimals"],
    ),
    "eleven whole numbers": (
        lines("x,y", lambda i: (i / 4, i % 11), count=50),
        {},
        ["column 2 ('y')", "11 different whole numbers", "--task classes", "--task numbers"],
    ),
    "thirty whole numbers": (
        lines("x,y", lambda i: (i / 4, i % 30), count=50),
        {},
        ["30 different whole numbers", "task='classes'"],
    ),
    "whole numbers with a decimal mark": (
        lines("x,y", lambda i: (i / 4, float(i % 3))),
        {},
        ["3 different whole numbers with a decimal mark", "task='classes'", "task='numbers'"],
    ),
    "one class": (
        lines("x,y", lambda i: (i / 4, "a")),
        {},
        ["line 2, column 2 ('y')", "'a' in each row", "--target"],
    ),
    "a class for each row": (
        lines("x,y", lambda i: (i / 4, f"row {i}")),
        {},
        ["12 classes in 12 rows", "--target"],
    ),
    "a target with one fault": (
        lines("x,y", lambda i: (i / 4, "x" if i == 5 else i + 0.5)),
        {},
        ["line 7, column 2 ('y')", "the text 'x'"],
    ),
    "texts as numbers": (
        lines("x,y", lambda i: (i / 4, kind(i))),
        {"task": "numbers"},
        ["line 2, column 2 ('y')", "'a'", "a number"],
    ),
    "a target of dates": (
        lines("x,y", lambda i: (i / 4, f"2024-05-{i + 1:02}")),
        {},
        ["column 2 ('y')", "a date", "--target"],
    ),
    "no such column": (
        lines("length,y", lambda i: (i / 4, kind(i))),
        {"categories": ["lenght"]},
        ["read_mixed(categories)", "'lenght'", "Did you mean 'length'?"],
    ),
    "a column in two options": (
        lines("x,z,y", lambda i: (i / 4, i, kind(i))),
        {"categories": ["x"], "ignore": ["x"]},
        ["read_mixed(categories)", "'x', which is in ignore too"],
    ),
    "two columns of one name": (
        lines("x,x,y", lambda i: (i / 4, i, kind(i))),
        {},
        ["line 1, column 2", "'x', which column 1 has too", "Rename"],
    ),
    "the header again": (
        lines("x,c,y", lambda i: ("x", "c", "y") if i == 6 else (i / 4, colour(i), kind(i))),
        {},
        ["line 8", "the names of the columns again, as in line 1", "Delete the line"],
    ),
    "a title above the table": (
        "Sales of 2024\n" + lines("x,y", lambda i: (i / 4, kind(i))),
        {},
        ["line 2", "2 cells", "delete line 1 if it is a title"],
    ),
    "a first line that may be either": (
        lines("5%,6%,y", lambda i: (i / 4, i, kind(i))),
        {},
        ["line 1, column 1", "--header", "--no-header"],
    ),
    "numbers and a text that is a name or a value": (
        lines("3,7,kind", lambda i: (i / 4, i, kind(i))),
        {},
        ["line 1, column 3: got 'kind'", "--header", "--no-header"],
    ),
    "years above numbers, and a text": (
        lines("spent,1940,1945,1950", lambda i: (f"on {i}", i / 4, i + 1, i + 0.5)),
        {},
        ["line 1, column 1: got 'spent'", "--header", "--no-header"],
    ),
    "words in one cell a line": (
        lines("x y", lambda i: (i, kind(i)), sep=" "),
        {},
        ["no columns of features", "line 1 is one cell, 'x y'"],
    ),
    "another encoding": (
        lines("x,c,y", lambda i: (i / 4, "größer", kind(i))).encode("latin-1"),
        {},
        ["line 2", "no UTF-8"],
    ),
    "an infinite number": (
        lines("x,y", lambda i: ("inf" if i == 5 else i / 4, kind(i))),
        {},
        ["line 7, column 1 ('x')", "'inf'", "a finite number"],
    ),
    "no rows": ("x,y\n", {"header": True}, ["no rows of values"]),
    "nothing": ("", {}, ["an empty file"]),
}


@pytest.fixture
def save(tmp_path):
    def write(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def first_row(table):
    """Return the features of the first row, None for a gap."""
    return [None if value != value else value for value in table.rows()[0].tolist()]


@pytest.mark.parametrize("name", READ)
def test_read(save, name):
    text, options, columns, first, target = READ[name]
    path = save(text)
    table = read_mixed(path, **options)
    found = table.summary().split("\n")
    assert (found[0], found[2]) == (columns, target)
    assert first_row(table) == first
    decided = json.loads(json.dumps(table.decided))
    again = read_like(path, decided, with_target=True)
    assert again.summary() == table.summary()
    assert first_row(again) == first
    assert (again.Y == table.Y).all()
    assert read_like(path, decided).Y is None


@pytest.mark.parametrize("name", REFUSED)
def test_refused(save, name):
    text, options, words = REFUSED[name]
    path = save(text)
    with pytest.raises(BackpropError) as caught:
        read_mixed(path, **options)
    for word in words:
        assert word in str(caught.value)


def test_there_are_forty_and_more():
    assert len(READ) + len(REFUSED) >= 40
