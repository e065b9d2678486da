"""Sections of Markdown files: what is somebody's own stays as it is."""

import pytest

from benchmarks import documents
from benchmarks.documents import Unwritable, check_document, write_section


def test_sections_are_replaced_or_added():
    first = documents.replace_section("# Results\n", "train cpu", "one")
    both = documents.replace_section(first, "train cuda", r"two \1")
    again = documents.replace_section(both, "train cpu", "three")
    assert first == "# Results\n\n<!-- train cpu -->\none\n<!-- end -->\n"
    assert both == f"{first}\n<!-- train cuda -->\ntwo \\1\n<!-- end -->\n"
    assert again == both.replace("one", "three")


def test_line_ends_stay_as_they_are(tmp_path):
    path = tmp_path / "R.md"
    path.write_bytes(b"# Mine\r\n\r\n<!-- a -->\r\nold\r\n<!-- end -->\r\nlast\r\n")
    write_section(path, "a", "one\ntwo", "# Head\n")
    new = b"<!-- a -->\r\none\r\ntwo\r\n<!-- end -->\r\n"
    assert path.read_bytes() == b"# Mine\r\n\r\n" + new + b"last\r\n"


def test_a_new_file_has_its_head(tmp_path):
    write_section(tmp_path / "R.md", "a", "one", "# Head\n")
    assert (tmp_path / "R.md").read_text() == "# Head\n\n<!-- a -->\none\n<!-- end -->\n"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("<!-- a -->\nold\nMINE\n<!-- b -->\nother\n<!-- end -->\n", "has no '<!-- end -->'"),
        ("<!-- a -->\nold\nMINE\n", "has no '<!-- end -->'"),
        ("<!-- a -->\n<!-- end -->\n<!-- a -->\n<!-- end -->\n", "begins 2 times"),
    ],
)
def test_a_section_without_an_end_of_its_own_is_refused(document, said, tmp_path):
    path = tmp_path / "R.md"
    path.write_text(document)
    for refused in (
        lambda: check_document(path, "a"),
        lambda: write_section(path, "a", "new", "# Head\n"),
    ):
        with pytest.raises(Unwritable, match=said):
            refused()
    assert path.read_text() == document


@pytest.mark.parametrize("kind", ["folder", "latin", "link", "no folder"])
def test_what_takes_no_section_is_refused_before_there_is_one(kind, tmp_path):
    path = tmp_path / "R.md"
    if kind == "folder":
        path.mkdir()
    elif kind == "latin":
        path.write_bytes("Schön".encode("latin-1"))
    elif kind == "link":
        path.symlink_to(tmp_path / "gone" / "R.md")
    else:
        path = tmp_path / "gone" / "R.md"
    with pytest.raises(Unwritable, match=r"R\.md"):
        check_document(path, "a")


def test_a_file_is_whole_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "R.md"
    write_section(path, "a", "one", "# Head\n")
    before = path.read_bytes()

    def full(_):
        raise OSError("no space left on the disk")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_section(path, "a", "two", "# Head\n")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["R.md"]
