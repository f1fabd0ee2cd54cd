"""Options of the whole test suite."""

import pytest

TARGETS = ("cpython", "bun", "worker")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--target`: where the conformance suite runs."""
    parser.addoption(
        "--target",
        action="append",
        choices=TARGETS,
        default=None,
        help="run the conformance suite only on this target (may be repeated); all three by default",
    )
