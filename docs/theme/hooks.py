"""What the site has from elsewhere in the repository, and nothing from another host."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"

_AT_ROOT = {
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
}

# A warning ends a strict build.
_logger = logging.getLogger("mkdocs.hooks.routing_engine")
_LOADED = re.compile(
    r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect)")[^>]*"https?://"""
)


def on_files(files: Files, config: Any) -> Files:
    """Add the pictures, which stay beside the results that they are drawn from."""
    for picture in sorted(RESULTS.glob("*.png")):
        files.append(File.generated(config, f"results/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead from a page to the pictures as they lie in the site; include what stands at the root."""
    at_root = _AT_ROOT.get(page.file.src_uri)
    if at_root is not None:
        markdown = (ROOT / at_root).read_text(encoding="utf-8").replace("](docs/", "](")
    return markdown.replace("](../benchmarks/results/", "](results/")


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Warn of a page that would load something from another host."""
    for loaded in _LOADED.findall(output):
        _logger.warning("%s loads from another host: %s", page.file.src_uri, loaded)
    return output
