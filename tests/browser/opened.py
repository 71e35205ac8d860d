"""One tab: opened, asked, and judged by what it must never do."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

PATIENCE = 40_000.0
"""Milliseconds until what must show has to show."""
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
# What a browser says by itself of an answer that is none; the page cannot keep it from doing so.
NOT_LOADED = "Failed to load resource"
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Opened:
    """A tab of its own profile. Use as a context manager."""

    def __init__(self, browser: Browser, url: str, *, expect_failures: bool = False, **options: Any) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._expect_failures = expect_failures
        self._context = browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **options})
        self._context.set_default_timeout(PATIENCE)
        self._context.add_init_script(_WATCH)
        self._context.on("request", lambda request: self._asked(request.url))
        self.page: Page = self._context.new_page()
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.close()

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not (self._expect_failures and NOT_LOADED in text):
            self.complaints.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith(f"{self.url}/dashboard"):
            self.strangers.append(url)

    def open(self, view: str = "") -> None:
        """Go to a view and wait for its heading."""
        self.page.goto(f"{self.url}/dashboard" + (f"#{view}" if view else ""))
        self.heading()

    def heading(self) -> str:
        """Return the text of the view's heading, once there is one."""
        return self.page.locator("main h1").inner_text()

    def answer(self, question: str, status: int, body: Any = None) -> None:
        """Let a question be answered by this instead of by the gateway."""

        def fulfill(route: Route) -> None:
            content = {"error": {"message": "made to fail"}} if body is None else body
            route.fulfill(status=status, content_type="application/json", body=json.dumps(content))

        self.page.route(f"**/dashboard/api/{question}*", fulfill)

    def sees(self, *texts: str) -> None:
        """Wait until all of these texts are to be seen."""
        for text in texts:
            self.page.get_by_text(text).filter(visible=True).first.wait_for()

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return found

    def flaws(self) -> list[str]:
        """What axe finds wrong for people who cannot see or point; nothing where it is not installed."""
        if not AXE.is_file():
            return []
        # Evaluated by the tool, not added to the page, whose policy would refuse it.
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def judge(self) -> None:
        """Nothing was complained of, forbidden, or asked elsewhere."""
        assert self.complaints == []
        assert self.strangers == []
        assert self.page.evaluate("window.violations") == []
