"""Tables from files: columns by name or number, targets, and what is refused."""

import numpy as np
import pytest

from backprop_xp.datasets.tables import read_features, read_table
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
            (["length", "height"], "got 0 columns 'height'"),
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
        with pytest.raises(DataError, match="got 0 columns 'c'"):
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
