"""The command line, ``routing-engine``.

Exit codes:

    0    done; for ``diff``: no difference
    1    the sheet has errors; for ``check --strict``: its wording has findings; for ``diff``: there
         are differences; for ``backtest``: calls would go elsewhere; for ``fit``: nothing was gained
    2    wrong usage: an option, an argument, a path or labelled calls; a database that does
         not answer; for ``diff`` also: the sheet has errors
    3    unknown location
    4    the snapshot is missing, altered, foreign, or was built with another encoder
    5    the encoder or its model cannot be loaded, or failed; for ``batch``: processes died again
         and again
    70   internal error: a bug
    130  interrupted
    141  whoever read the output went away

Results go to stdout; errors, notes and progress go to stderr. Everything that comes out of a sheet
is printed as text: markup in it is not interpreted and control characters are replaced.

The commands are public; these modules are internal and may change in any release.
"""

from __future__ import annotations

from routing_engine.cli.commands import app, main
from routing_engine.cli.terminal import ExitCode

__all__ = ["ExitCode", "app", "main"]
