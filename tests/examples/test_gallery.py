"""The gallery: each picture with its code, in a page that needs no other file."""

import ast
import base64
import inspect
import re
import sys
from html.parser import HTMLParser

import gallery
import pytest
from gallery import PICTURES, code_of, page

import backprop_xp as bp
from examples.__main__ import main

pytestmark = pytest.mark.xdist_group("gallery")  # written once, by one process


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    for module in ("matplotlib", "sklearn"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    folder = tmp_path_factory.mktemp("gallery")
    assert main(["gallery", "--folder", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["gallery.html"]
    return (folder / "gallery.html").read_bytes()


class Sections(HTMLParser):
    """The title, the picture and the code of each section."""

    def __init__(self, text):
        super().__init__()
        self.titles, self.pictures, self.codes, self.at = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.at = tag if tag in ("h2", "pre", "code") else ""
        if tag == "img":
            assert dict(attrs)["alt"] == self.titles[-1]
            self.pictures.append(dict(attrs)["src"])

    def handle_data(self, data):
        if self.at == "h2" and data.strip():
            self.titles.append(data)
        if self.at == "code" and self.titles:
            self.codes.append(data)

    def handle_endtag(self, _):
        self.at = ""


def test_each_picture_stands_beside_its_code(written):
    found = Sections(written.decode("ascii"))
    assert found.titles == [picture.__doc__ for picture in PICTURES]
    assert found.codes == [code_of(picture) for picture in PICTURES]
    for picture in found.pictures:
        kind, _, data = picture.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    assert len(set(found.pictures)) == len(PICTURES)


def test_the_page_needs_no_other_file(written):
    assert not re.search(rb'(src|href)="(?!data:)|url\(|<script', written)
    assert len(written) < 1_500_000


def test_every_plot_is_in_the_gallery():
    used = {
        name for picture in PICTURES for name in re.findall(r"bp\.plots\.(\w+)", code_of(picture))
    }
    assert used == set(bp.plots.__all__)


def test_every_function_of_the_gallery_that_draws_is_shown():
    functions = {one for _, one in inspect.getmembers(gallery, inspect.isfunction)}
    own = {one for one in functions if one.__module__ == gallery.__name__}
    assert own - {gallery.code_of, gallery.page, gallery.write} == set(PICTURES)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.__name__)
def test_the_code_is_a_script(picture):
    lines = ast.parse(code_of(picture)).body
    assert isinstance(lines[-1], ast.Assign)
    assert ast.unparse(lines[-1].targets[0]) == "ax"


def test_texts_are_escaped():
    def small():
        """Cost < 1 & more."""
        ax = bp.plots.learning_curve({"cost": [1.0]})
        assert 0 < 1
        return ax

    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    text = page([small])
    assert "<h2>Cost &lt; 1 &amp; more.</h2>" in text
    assert "assert 0 &lt; 1" in text


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["gallery", "--folder", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["gallery", "--folder", str(tmp_path)]) == 2
    assert "[plot]" in capsys.readouterr().err


def test_an_unknown_name_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        main(["galery"])
    assert "gallery" in capsys.readouterr().err
