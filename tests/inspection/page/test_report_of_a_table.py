"""The report of a table in a browser: light and dark, wide and narrow."""

import pytest
from mixed_tables import write_mixed
from needs import needs

from backprop_xp.cli.main import main

CLASSES = ("no", "yes, at once and without any further delay")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    needs("sklearn")
    needs("matplotlib")
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BACKPROP_XP_DEVICE", "cpu")
        for name, classes, options in (
            ("classes", CLASSES, []),
            ("numbers", (), []),
            ("groups", (), ["--group", "district"]),
        ):
            write_mixed(f"{name}.csv", classes=classes)
            quick = ["--networks", "1", "--epochs", "2", "--report", f"{name}.html"]
            assert main(["train", f"{name}.csv", *quick, *options]) == 0
            found[name] = (folder / f"{name}.html").read_text(encoding="ascii")
    return found


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["classes", "numbers", "groups"])
def test_it_fits_the_window_and_is_read_by_everyone(opened, reports, name, scheme, width):
    axe = needs("axe_playwright_python.sync_playwright", "axe").Axe()
    # its policy forbids the scripts of axe, too
    with opened(reports[name], width, color_scheme=scheme, bypass_csp=True) as page:
        beyond = "document.documentElement.scrollWidth - innerWidth"
        assert page.evaluate(beyond) <= 0
        filters = page.evaluate("getComputedStyle(document.querySelector('img')).filter")
        assert (filters == "none") == (scheme == "light")
        assert page.locator("img").evaluate_all("all => all.every(x => x.naturalWidth > 0)")
        assert axe.run(page).response["violations"] == []


def test_it_says_how_rows_are_held_out(reports):
    assert "held out, by district</p>" in reports["groups"]
    assert "160 rows to train on, 40 held out</p>" in reports["numbers"]
    for page in reports.values():
        assert page.count("<main>") == page.count("</main>") == 1
        assert page.count('role="region" tabindex="0"') == page.count("<table>")
        assert "<th></th>" not in page
