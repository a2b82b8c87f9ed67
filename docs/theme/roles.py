"""Docstrings' cross-references, which are written as roles, as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr):`(?:[^`<]*<)?~?([\w.]+)>?`", re.DOTALL)


class Roles(griffe.Extension):
    """Writes ``:class:`~routing_engine.Location``` as ``Location``."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(
                lambda match: f"`{match[1].rpartition('.')[2]}`", obj.docstring.value
            )
