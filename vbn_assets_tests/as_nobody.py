"""Running a check as a user who may not write everywhere, also where root runs the tests."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable


def as_nobody(check: Callable[[], None]) -> int:
    """Run a check in a child that may not write everywhere, as root may, but has a home; the child's exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            with tempfile.TemporaryDirectory() as home:
                os.environ.update(HOME=home, XDG_CACHE_HOME=home)
                check()
            code = 0
        except BaseException as error:
            traceback.print_exception(error, file=sys.__stderr__)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
