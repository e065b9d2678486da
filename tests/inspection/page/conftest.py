"""Chromium, and pages that are opened in it."""

import os
import shutil
from contextlib import contextmanager

import pytest
from needs import needs


@pytest.fixture(scope="module")
def browser():
    sync_api = needs("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        if "chromium" in os.environ.get("BACKPROP_XP_REQUIRE", "").split(","):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        # a container's root has no sandbox, and its /dev/shm is small
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        running = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open pages from a file, offline; nothing may be logged and nothing requested."""

    @contextmanager
    def opening(html, width=1400, fragment="", **options):
        file = tmp_path / "page.html"
        file.write_text(html, encoding="ascii")
        said, asked = [], []
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, offline=True, **options)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
        page.on("request", lambda request: asked.append(request.url))
        try:
            page.goto(file.as_uri() + fragment)
            yield page
            assert said == []
            assert {url.partition("#")[0] for url in asked} == {file.as_uri()}
        finally:
            context.close()

    return opening
