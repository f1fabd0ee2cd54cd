"""Fixtures of the generator's tests."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.generator.snapshots import TextFile
from tests.generator.spec_folder import SpecFolder


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """The command line collects no garbage, since its process ends; here it would keep every schema."""
    yield
    gc.enable()


@pytest.fixture
def spec(tmp_path: Path) -> SpecFolder:
    """The small valid spec."""
    return SpecFolder(tmp_path)


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Snapshots are text files here."""
    return snapshot.use_extension(TextFile)
