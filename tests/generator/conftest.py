"""Fixtures of the generator's tests."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.generator.snapshots import TextFile
from tests.generator.spec_folder import SpecFolder


@pytest.fixture
def spec(tmp_path: Path) -> SpecFolder:
    """The small valid spec."""
    return SpecFolder(tmp_path)


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Snapshots are text files here."""
    return snapshot.use_extension(TextFile)
