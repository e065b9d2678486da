"""Texts of tables, row by row."""

ROWS = 12


def lines(header, row, sep=",", count=ROWS):
    """Return a text with a header and the rows that a function gives for 0, 1, and so on."""
    made = [sep.join(map(str, row(i))) for i in range(count)]
    return "\n".join([header, *made] if header else made) + "\n"


def colour(i):
    return ("red", "green", "blue")[i % 3]


def kind(i):
    return ("a", "b")[i % 2]
