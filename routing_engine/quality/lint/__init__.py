"""Measure the wording of rules before they are published.

Every sentence that a rule brings along is asked as if a caller said it: each example, left out of
its own rule first, and its ``when`` as a spoken sentence, with the rule itself left out (for
nothing can be nearer to a description than its own wording). Confidences and verdicts are the
engine's own. Found are:

    overlap      two rules that lead elsewhere and share their callers: their sentences could be
                 either's
    vague        a ``when`` that says nothing of what its callers want
    example      an example that another rule takes
    unreachable  a rule that not even its own sentences, examples included, can reach
    urgent       a rule whose words say that waiting does harm, and that is not urgent

Rules that ring the same phone may be as alike as they please. The cost is that of the distinct
rule tables, however many locations share them; each finding is told once, with how many locations
have it.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

from __future__ import annotations

from routing_engine.quality.lint.linting import lint_columns
from routing_engine.quality.lint.report import Finding, LintReport

__all__ = ["Finding", "LintReport", "lint_columns"]
