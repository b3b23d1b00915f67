"""After a build: every link between pages leads to a page, and to a place on it."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


class Page(HTMLParser):
    """What a page links to, and the places that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect one element."""
        found = dict(attributes)
        self.places.update(value for key in ("id", "name") if (value := found.get(key)))
        self.links.update(value for key in ("href", "src") if (value := found.get(key)))


def broken(site: Path) -> list[str]:
    """Return every link that leads nowhere, with its page."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            place = unquote(parts.fragment)
            if not target.exists() or (place and target in pages and place not in pages[target].places):
                faults.append(f"{path.relative_to(site.resolve())}: {link}")
    return faults


def check(app: Sphinx, exception: Exception | None) -> None:
    """Warn of what is broken, which fails a build that takes warnings for errors."""
    if exception is None and app.builder.name == "html":
        for fault in broken(Path(app.outdir)):
            logger.warning("broken link in %s", fault)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the check."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
