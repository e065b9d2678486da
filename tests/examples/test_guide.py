"""The guide: its code runs, its links resolve, and the files that it names are there."""

import re
from pathlib import Path

import pytest
from code_blocks import GUIDE, ROOT, blocks, check_every_block_has_its_output, run

PAGES = sorted(GUIDE.glob("*.md"))
LINKED = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md")),
    *(ROOT / folder / "README.md" for folder in ("examples", "benchmarks")),
    *PAGES,
]
FIRST_SCREEN = 45  # lines
_EXAMPLES = [
    pytest.param(page, code, output, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (code, output) in enumerate(blocks(page))
]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_python_block_has_its_output(page):
    check_every_block_has_its_output(page)


@pytest.mark.parametrize(("page", "code", "output"), _EXAMPLES)
def test_block(page, code, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(code, page) == output


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=name_of)
def test_a_page_begins_with_an_example_and_its_output(page):
    text = page.read_text("utf-8")
    code, output = blocks(page)[0]
    end = text.index(output, text.index(code) + len(code)) + len(output)
    assert text[:end].count("\n") <= FIRST_SCREEN


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_relative_links_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_the_guide_lists_its_pages():
    for listing, prefix in ((GUIDE / "README.md", ""), (ROOT / "README.md", "examples/guide/")):
        linked = re.findall(r"\]\(([^)\s]+)\)", listing.read_text("utf-8"))
        pages = {prefix + page.name for page in PAGES} - {"README.md"}
        assert pages <= set(linked)


@pytest.mark.parametrize(
    "page", [page for page in LINKED if page.name != "CHANGELOG.md"], ids=name_of
)
def test_files_that_are_named_are_there(page):
    folders = [ROOT, page.parent, ROOT / "backprop_xp", ROOT / "examples"]
    for name in re.findall(r"`([\w./-]+\.(?:py|md|toml))`", without_code(page)):
        found = any((folder / name).is_file() for folder in folders)
        assert found or any(ROOT.glob(f"tests/**/{name}")), name


def test_the_house_of_the_readme_is_that_of_the_package():
    house = (ROOT / "README.md").read_text("utf-8").partition("## The house")[2]
    lines = re.findall(r"^(\w+)/ +(.+)$", re.sub(r"\n {4,}", " ", house), re.MULTILINE)
    package = ROOT / "backprop_xp"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert {room for room, _ in lines} == rooms
    for room, text in lines:
        for name in re.findall(r"[\w/]+\.(?:py|js)\b", text):
            assert (package / room / name).is_file(), f"{room}/{name}"


def without_code(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
