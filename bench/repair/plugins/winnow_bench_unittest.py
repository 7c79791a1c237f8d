"""`python -m winnow_bench_unittest ARGUMENTS`: unittest's command line, with outcomes written to BENCH_OUT."""

import json
import os
import unittest
from pathlib import Path

OUTCOMES = {}


class Result(unittest.TextTestResult):
    """Notes outcomes."""

    def addSuccess(self, test):
        """A pass, unless a part of the test failed."""
        super().addSuccess(test)
        OUTCOMES.setdefault(test.id(), "passed")

    def addFailure(self, test, err):
        """A failure."""
        super().addFailure(test, err)
        OUTCOMES[test.id()] = "failed"

    def addError(self, test, err):
        """An error."""
        super().addError(test, err)
        OUTCOMES[test.id()] = "failed"

    def addSubTest(self, test, subtest, err):
        """A part of a test."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            OUTCOMES[test.id()] = "failed"


if __name__ == "__main__":
    runner = unittest.TextTestRunner(resultclass=Result)
    program = unittest.main(module=None, testRunner=runner, exit=False)
    with Path(os.environ["BENCH_OUT"]).open("w") as file:
        json.dump(OUTCOMES, file)
