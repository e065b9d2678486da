"""Tables from files: columns by name or number, targets, and what is refused."""

import os
import subprocess
import sys

import numpy as np
import pytest

from backprop_xp.datasets.tables import read_features, read_mixed_features, read_table
from backprop_xp.errors import DataError, MissingFileError, OptionError

FLOWERS = "length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n4.9,3.0,setosa\n"


@pytest.fixture
def save(tmp_path):
    def write(text):
        path = tmp_path / "a.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def savez(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return tmp_path / "a.npz"

    return write


class TestCSV:
    def test_classes(self, save):
        X, Y, feature_names, class_names = read_table(save(FLOWERS))
        assert X.tolist() == [[5.1, 3.5], [6.2, 2.9], [4.9, 3.0]]
        assert X.dtype == np.float64
        assert Y.tolist() == [0, 1, 0]
        assert Y.dtype == np.int64
        assert feature_names == ("length", "width")
        assert class_names == ("setosa", "virginica")

    def test_numbers_to_predict(self, save):
        table = read_table(save("a,b,y\n1,2,10\n3,4,25\n"))
        assert table.Y.tolist() == [[10.0], [25.0]]
        assert table.class_names is None

    @pytest.mark.parametrize("target", ["b", 1, -2])
    def test_target_by_name_or_index(self, save, target):
        table = read_table(save("a,b,c\n1,x,2\n3,y,4\n"), target)
        assert table.X.tolist() == [[1, 2], [3, 4]]
        assert table.feature_names == ("a", "c")
        assert table.class_names == ("x", "y")

    @pytest.mark.parametrize("target", [None, 2, -1])
    @pytest.mark.parametrize("last", ["setosa", "7.5"])
    def test_without_a_header(self, save, target, last):
        table = read_table(save(f"5.1,3.5,{last}\n6.2,2.9,{last}\n"), target)
        assert table.X.tolist() == [[5.1, 3.5], [6.2, 2.9]]
        assert table.feature_names == ()

    @pytest.mark.parametrize("target", [None, "label"])
    def test_a_header_of_numbers_and_the_target(self, save, target):
        table = read_table(save("0,1,label\n5,6,1\n7,8,0\n"), target)
        assert table.X.tolist() == [[5, 6], [7, 8]]
        assert table.feature_names == ("0", "1")

    def test_known_features_and_classes(self, save):
        path = save("extra,width,length,kind\n9,3.5,5.1,virginica\n")
        known = ("setosa", "virginica")
        table = read_table(path, feature_names=["length", "width"], class_names=known)
        assert table.X.tolist() == [[5.1, 3.5]]
        assert table.feature_names == ("length", "width")
        assert (table.Y.tolist(), table.class_names) == ([1], known)

    def test_whole_numbers_as_numbers(self, save):
        path = save("a,y\n5,0\n6,1\n")
        assert read_table(path).class_names == ("0", "1")
        assert read_table(path, class_names=()).Y.tolist() == [[0.0], [1.0]]

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("knd", "Did you mean 'kind'?"),
            ("xyz", "expected one of 'length', 'width', 'kind'"),
            (3, "an index from -3 to 2"),
            (-4, "an index from -3 to 2"),
            (1.0, "a column's name or an index"),
            (True, "a column's name or an index"),
        ],
    )
    def test_no_such_target(self, save, target, words):
        with pytest.raises(OptionError) as caught:
            read_table(save(FLOWERS), target)
        assert words in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("y\na\nb\n", "0 columns of features"),
            ("a,a,y\n1,2,x\n", "line 1, column 1: got the name 'a'"),
            (",a,y\n0,2,x\n", "line 1, column 1: got the name ''"),
            ("5.1,oops,x\n1,2,x\n", "line 1, column 1: got '5.1' and a text"),
            ("5.1,,x\n1,2,x\n", "line 1, column 2: got '', a missing value"),
            ("a,b,y\n1,2,x\n3,4,\n", "line 3, column 3 ('y'): got '', a missing value"),
            ("a,y\n1,1.5\n2,two\n", "line 3, column 2 ('y'): got 'two'"),
        ],
    )
    def test_refused(self, save, text, words):
        with pytest.raises(DataError) as caught:
            read_table(save(text))
        assert words in str(caught.value)

    def test_missing_target_in_the_first_column(self, save):
        with pytest.raises(DataError, match=r"line 3, column 1 \('y'\): got '', a missing value"):
            read_table(save("y,a\nno,2\n,4\n"), "y")

    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (["length", "height"], "got no column 'height'"),
            (["length", "kind"], "got column 3 as the target and as a feature"),
        ],
    )
    def test_missing_features(self, save, names, words):
        with pytest.raises(DataError) as caught:
            read_table(save(FLOWERS), feature_names=names)
        assert words in str(caught.value)

    def test_unknown_class(self, save):
        with pytest.raises(DataError, match=r"line 3, column 3 \('kind'\): got the class 'virgin"):
            read_table(save(FLOWERS), class_names=("setosa", "versicolor"))


VALUES = [
    "#N/A",
    "Null",
    "N/a",
    "NaT",
    "-",
    "<1",
    '"1,234"',
    "5%",
    "$5",
    "TRUE",
    "None",
    "2020-01-31",
    "\N{MINUS SIGN}1",
]
VALUES += ["?", "NA", "<NA>", "#DIV/0!", "false", "12:30", "1 234", "5kg", "Jan 5 2020", "n.a."]


class TestFirstLine:
    @pytest.mark.parametrize("cell", VALUES)
    @pytest.mark.parametrize("line", ["1,{},3", "{},2,3", "1,2,{}", "{0},{0},{0}"])
    def test_a_line_that_may_be_a_row_is_refused(self, save, cell, line):
        path = save(f"{line.format(cell)}\n4,5,6\n7,8,9\n")
        with pytest.raises(DataError, match=r"line 1, .*ambiguous: pass header=True \(--header\)"):
            read_table(path)
        with pytest.raises(DataError, match="ambiguous"):
            read_features(path)
        with pytest.raises(DataError, match=r"a\.csv, line 1, column"):
            read_table(path, header=False)

    @pytest.mark.parametrize("cell", VALUES)
    def test_the_option_decides(self, save, cell):
        path = save(f"1,{cell},3\n4,5,6\n7,8,9\n")
        table = read_table(path, header=True)
        assert (table.X.tolist(), table.Y.tolist()) == ([[4, 5], [7, 8]], [[6], [9]])
        assert table.feature_names == ("1", cell.strip('"'))
        assert read_features(path, header=True).tolist() == [[4, 5, 6], [7, 8, 9]]

    @pytest.mark.parametrize("header", [True, False])
    def test_a_line_of_numbers_or_names(self, save, header):
        found = read_table(save("0,1,2\n3,4,5\n"), header=header)
        assert len(found.X) == 2 - header
        assert found.feature_names == (("0", "1") if header else ())
        of_classes = save("5.1,setosa\n6.2,virginica\n4.0,setosa\n")
        assert len(read_table(of_classes, header=header).X) == 3 - header

    @pytest.mark.parametrize("text", ["5,unknown,1", "2.5,a,b", "a,7,b", "0,2,a"])
    def test_numbers_beside_texts_are_ambiguous(self, save, text):
        with pytest.raises(DataError, match=r"and a text, .*ambiguous"):
            read_table(save(f"{text}\n1,2,3\n4,5,6\n"))

    @pytest.mark.parametrize(
        "names",
        ["label,1x1,1x2", "0,1,label", "name,0,1", "_id,%fat,y", "Höhe,高さ,y", "na_1,no,Na"],
    )
    def test_unusual_headers(self, save, names):
        table = read_table(save(f"{names}\n1,2,3\n4,5,6\n"))
        assert table.X.tolist() == [[1, 2], [4, 5]]
        assert table.feature_names == tuple(names.split(","))[:2]

    def test_names_that_the_caller_knows_make_a_header(self, save):
        path = save("2020-01-31,5%,y\n1,2,3\n")
        assert read_table(path, "y").feature_names == ("2020-01-31", "5%")
        names = ["5%", "2020-01-31"]
        assert read_table(path, feature_names=names).X.tolist() == [[2, 1]]
        assert read_features(path, feature_names=names).tolist() == [[2, 1]]

    def test_a_name_of_the_target_needs_a_header(self, save):
        with pytest.raises(OptionError, match="an index without a header"):
            read_table(save(FLOWERS), "kind", header=False)

    def test_the_option_is_a_bool_and_for_csv(self, save, savez):
        with pytest.raises(OptionError, match=r"read_file\(header\): got 1; expected True"):
            read_table(save(FLOWERS), header=1)
        with pytest.raises(OptionError, match="for an NPZ file"):
            read_features(savez(X=np.eye(2)), header=True)

    def test_a_line_that_names_the_separator(self, save):
        for text in (
            "sep=;\na;b;y\n1;2;3\n",
            '\n"sep=:"\r\n\na:b:y\n1:2:3\n',
            "SEP=,\na,b,y\n1,2,3",
        ):
            table = read_table(save(text))
            assert (table.X.tolist(), table.feature_names) == ([[1, 2]], ("a", "b"))
        with pytest.raises(DataError, match=r"line 4, column 2 \('b'\): got the text 'x'"):
            read_table(save("sep=;\na;b;y\n1;2;3\n1;x;3\n"))

    @pytest.mark.parametrize(
        "text", ["a b y\n1 2 3\n", "a:b:y\n1:2:3\n", "A table\na;b;y\n1;2;3\n"]
    )
    @pytest.mark.parametrize("target", [None, "y"])
    def test_another_separator_or_a_title(self, save, text, target):
        with pytest.raises((DataError, OptionError)) as caught:
            read_table(save(text), target)
        words = f"line 1 is one cell, {text.splitlines()[0]!r}, with a comma as the separator"
        assert words in str(caught.value)
        assert "a tab, a semicolon, a comma" in str(caught.value)

    @pytest.mark.parametrize("title", ["A table", "A table, of 2024"])
    def test_a_title_of_another_width(self, save, title):
        with pytest.raises(DataError) as caught:
            read_table(save(f"{title}\na,b,y\n1,2,3\n"))
        assert "as in line 1, with a comma between cells" in str(caught.value)
        assert "delete line 1 if it is a title" in str(caught.value)
        assert "a tab, a semicolon, a comma" in str(caught.value)


class TestFeatures:
    @pytest.mark.parametrize(
        ("text", "target", "names"),
        [
            ("a,b\n1,2\n", None, None),
            ("a,b\n1,2\n", "y", None),
            ("a,b,y\n1,2,x\n", "y", None),
            ("y,a,b\nx,1,2\n", 0, None),
            ("b,a\n2,1\n", None, ["a", "b"]),
            ("b,y,a,c\n2,x,1,z\n", "y", ["a", "b"]),
            ("b,y,a,c\n2,x,1,z\n", None, ["a", "b"]),
            ("a,b\n1,2\n", -1, ["a", "b"]),
            ("1,2\n", None, None),
            ("1,2\n", None, ["a", "b"]),
            ("1,2,x\n", None, ["a", "b"]),
            ("1,2,9\n", None, ["a", "b"]),
            ("x,1,2\n", 0, ["a", "b"]),
            ("1,2\n", -1, ["a", "b"]),
        ],
    )
    def test_with_and_without_the_target(self, save, text, target, names):
        assert read_features(save(text), target, names).tolist() == [[1.0, 2.0]]

    def test_missing_column(self, save):
        with pytest.raises(DataError, match="got no column 'c'"):
            read_features(save("a,b\n1,2\n"), feature_names=["a", "c"])

    def test_ambiguous_column(self, save):
        with pytest.raises(DataError, match="got 2 columns 'a'"):
            read_features(save("a,a\n1,2\n"), feature_names=["a"])

    def test_another_number_of_columns(self, save):
        with pytest.raises(DataError, match="4 columns of features; expected 2, as in training"):
            read_features(save("1,2,3,4\n"), feature_names=["a", "b"])

    def test_npz(self, savez):
        X = np.ones((2, 3), np.float32)
        np.testing.assert_array_equal(read_features(savez(X=X)), X)
        with pytest.raises(DataError, match="3 columns of X; expected 2"):
            read_features(savez(X=X), feature_names=["a", "b"])


class TestMixedFeatures:
    def test_texts_numbers_truths_and_gaps(self, save):
        path = save("size,city,owner,y\n 3.5 ,1,True,a\nNA,,FALSE,b\n-2,Oslo,1,c\n")
        X = read_mixed_features(path, [1], "y", ["owner", "city", "size"])
        expected = [[1.0, "1", 3.5], [0.0, np.nan, np.nan], [1.0, "Oslo", -2.0]]
        assert str(X.tolist()) == str(expected)

    def test_a_file_without_a_header(self, save):
        X = read_mixed_features(save("1,Oslo\n2,Rome\n"), [1], header=False)
        assert X.tolist() == [[1.0, "Oslo"], [2.0, "Rome"]]

    def test_a_text_among_numbers_is_named(self, save):
        with pytest.raises(DataError, match=r"line 3, column 1 \('size'\): got the text 'big'"):
            read_mixed_features(save("size,city\n1,Oslo\nbig,Rome\n"), [1], None, ["size", "city"])

    def test_no_rows(self, save):
        with pytest.raises(DataError, match="got no rows of values"):
            read_mixed_features(save("size,city\n"), [1], None, ["size", "city"])


class TestNPZ:
    @pytest.mark.parametrize(
        ("stored", "read"),
        [("f2", "f2"), ("f4", "f4"), (">f8", "f8"), ("u1", "f4"), ("i8", "f8"), ("?", "f4")],
    )
    def test_dtype_of_X(self, savez, stored, read):
        X, Y, feature_names, class_names = read_table(
            savez(X=np.eye(4).astype(stored), Y=np.array([0, 1, 0, 1]))
        )
        np.testing.assert_array_equal(X, np.eye(4))
        assert X.dtype == read
        assert (Y.tolist(), feature_names, class_names) == ([0, 1, 0, 1], (), ("0", "1"))

    @pytest.mark.parametrize(
        ("Y", "read", "class_names"),
        [
            (["b", "a"], [1, 0], ("a", "b")),
            ([True, False], [1, 0], ("0", "1")),
            (np.array([1, 0], np.uint8), [1, 0], ("0", "1")),
            ([5, 7], [[5.0], [7.0]], None),
            ([0.0, 1.0], [[0.0], [1.0]], None),
            ([[0.5, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 3.0]], None),
            ([[0, 1], [1, 0]], [[0.0, 1.0], [1.0, 0.0]], None),
        ],
    )
    def test_targets(self, savez, Y, read, class_names):
        table = read_table(savez(x=np.eye(2), y=np.array(Y)))
        assert (table.Y.tolist(), table.class_names) == (read, class_names)

    def test_target_names_the_array(self, savez):
        path = savez(X=np.eye(2), Y=[0, 1], other=[1, 0])
        assert read_table(path, "other").Y.tolist() == [1, 0]
        with pytest.raises(OptionError, match="Did you mean 'other'"):
            read_table(path, "othr")
        with pytest.raises(OptionError, match="the name of an array"):
            read_table(path, 1)

    @pytest.mark.parametrize(
        ("X", "Y", "words"),
        [
            (np.zeros(3), [0, 1, 0], r"X \(3,\) of float64"),
            (np.zeros((2, 2, 2)), [0, 1], r"X \(2, 2, 2\)"),
            (np.zeros((0, 2)), np.zeros(0), r"X \(0, 2\)"),
            (np.array([["a"], ["b"]]), [0, 1], "X .* of <U1"),
            (np.eye(2), [0, 1, 0], "2 rows of X and 3 of Y"),
            (np.eye(2), 0, r"Y \(\)"),
            (np.eye(2), np.zeros((2, 0)), r"Y \(2, 0\)"),
            (np.array([[1, np.nan], [0, 0]]), [0, 1], r"X\[0, 1\]: got nan"),
            (np.eye(2), [0.5, np.inf], r"Y\[1, 0\]: got inf"),
            (np.eye(2), ["a", ""], r"Y\[1\]: got '', a missing value"),
        ],
    )
    def test_refused(self, savez, X, Y, words):
        with pytest.raises(DataError, match=words):
            read_table(savez(X=X, Y=np.array(Y)))

    def test_known_classes_want_labels(self, savez):
        with pytest.raises(DataError, match=r"expected class labels \(m,\)"):
            read_table(savez(X=np.eye(2), Y=np.array([0.0, 1.0])), class_names=("a", "b"))


USED = """
import resource, sys, time
import numpy as np
from backprop_xp.datasets.tables import read_table
from backprop_xp.errors import BackpropError
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    read_table(sys.argv[1])
except BackpropError as error:
    print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - start)
"""


def used(path):
    """Return the bytes and the seconds that reading a file takes in a process of its own."""
    pytest.importorskip("resource", reason="this system does not measure memory")
    command = [sys.executable, "-c", USED, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    memory, seconds = map(float, done.stdout.split())
    return memory * (1 if sys.platform == "darwin" else 1024), seconds, done.stderr


class TestHostileFiles:
    """The bounds are ten times what was measured, and a tenth of what the faults took."""

    def test_a_line_of_millions_of_cells(self, save):
        memory, seconds, error = used(save(",".join(["1"] * 7_500_000) + "\n"))
        assert "line 1: got 7,500,000 cells; expected at most 1,048,576 columns" in error
        assert memory < 2**27
        assert seconds < 3

    @pytest.mark.parametrize("above", ["", "a,y\n1,2\n"])
    def test_empty_lines(self, save, above):
        memory, seconds, error = used(save(above + "\n" * 30_000_000))
        assert "more than 1,048,576 empty lines" in error
        assert memory < 2**26
        assert seconds < 8

    def test_a_header_of_many_names(self, save):
        names, values = (
            ",".join(map(str, row)) for row in ([f"n{i}" for i in range(40_000)], range(40_000))
        )
        memory, seconds, error = used(save(f"{names}\n{values}\n"))
        assert (error, memory < 2**27) == ("", True)
        assert seconds < 4  # it was 20 for twice as few names squared

    def test_an_unknown_name_of_many(self, save):
        path = save(",".join(f"n{i}" for i in range(20_000)) + "\n")
        with pytest.raises(OptionError, match="Did you mean 'n1'"):
            read_table(path, "n1 ")

    def test_a_long_cell_is_cut_in_the_error(self, save):
        with pytest.raises(DataError) as caught:
            read_table(save("a,y\n1,2\n" + "x" * 100_000 + ",3\n"))
        assert len(str(caught.value)) < 500


def test_a_folder_and_a_pipe_are_no_files(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(MissingFileError, match=r"a.csv', a folder; expected a .csv or .npz file"):
        read_table(tmp_path / "a.csv")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "b.csv")
        with pytest.raises(MissingFileError, match=r"b.csv', a pipe, socket or device"):
            read_features(tmp_path / "b.csv")


@pytest.mark.parametrize("read", [read_table, read_features])
def test_no_such_file(tmp_path, read):
    with pytest.raises(MissingFileError, match="Check the name"):
        read(tmp_path / "absent.csv")
    with pytest.raises(OptionError, match=r"expected a name in \.csv or \.npz"):
        read(tmp_path / "a.xlsx")


def test_numbers_of_more_digits_than_float64_become_float64(savez):
    table = read_table(savez(X=np.ones((2, 3), np.longdouble), Y=np.ones((2, 1), np.longdouble)))
    assert (table.X.dtype, table.Y.dtype) == (np.float64, np.float64)


def test_the_first_number_that_is_not_finite_is_named(savez):
    X = np.ones((4, 3))
    X[[1, 2, 2], [2, 0, 1]] = np.nan, np.inf, np.nan
    with pytest.raises(DataError, match=r"X\[1, 2\]: got nan"):
        read_table(savez(X=X, Y=np.ones((4, 1))))
