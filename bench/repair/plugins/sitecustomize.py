"""Leaves hidden tests out of unittest suites, as winnow_bench does for pytest (BENCH_HIDE: a JSON list)."""

import json
import os
from pathlib import Path

if os.environ.get("BENCH_HIDE"):
    import unittest

    HIDDEN = set(json.loads(Path(os.environ["BENCH_HIDE"]).read_text()))
    ADD = unittest.BaseTestSuite.addTest

    def add_test(self, test):
        """Add what is not hidden."""
        if isinstance(test, unittest.BaseTestSuite) or test.id() not in HIDDEN:
            ADD(self, test)

    unittest.BaseTestSuite.addTest = add_test
