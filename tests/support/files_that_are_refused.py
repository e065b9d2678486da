"""Files as they come that are refused, with words of the error."""

from lines_of_tables import colour, kind, lines

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
    "dates with the half of a day": (
        lines("when,y", lambda i: (f"1/{i + 13}/2024 {i % 12 + 1}:30 PM", i + 0.5)),
        {},
        ["line 2, column 1 ('when')", """(--dates "%m/%d/%Y %I:%M %p")""", "--categories when"],
    ),
    "dates that recur": (
        lines("when,y", lambda i: (f"{i % 3 + 13}.05.2024", i + 0.5), count=60),
        {},
        ["line 2, column 1 ('when')", "'13.05.2024'", '--dates "%d.%m.%Y"'],
    ),
    "months of many years": (
        lines("when,y", lambda i: (f"{2000 + i // 12}-{i % 12 + 1:02}", i + 0.5), count=60),
        {},
        ["line 2, column 1 ('when')", "'2000-01'", '--dates "%Y-%m"', "--categories when"],
    ),
    "minus signs at the end": (
        lines("x,y", lambda i: (f"{i}.5-" if i % 3 == 1 else f"{i}.5", i + 0.5), count=40),
        {},
        ["line 3, column 1 ('x')", "'1.5-', a number before its sign", "Write -1.5;"],
    ),
    "groups of two digits": (
        lines("x,y", lambda i: (f'"{i + 1},23,{i:03}"', i + 0.5), count=40),
        {},
        ["line 2, column 1 ('x')", "'1,23,000', a number in groups of two", "Remove the commas;"],
    ),
    "names of rows without a name": (
        "x,y\n" + lines("", lambda i: (i + 1, i / 4, i + 0.5)),
        {},
        ["line 2: got 3 cells", "or begin it with a comma if the first column has no name"],
    ),
    "one column, of which no part is the target": (
        lines("x y", lambda i: (i, i + 0.5), sep=" "),
        {"target": "y"},
        ["line 1 is one cell, 'x y'", "Separate cells"],
    ),
    "one number": (
        lines("x,y", lambda i: (i / 4, 500)),
        {},
        ["line 2, column 2 ('y')", "'500' in each row", "two different values or more"],
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
        ["read_mixed(categories)", "'x', which is in "],
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
