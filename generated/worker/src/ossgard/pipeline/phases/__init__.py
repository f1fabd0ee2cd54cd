"""The phases that are built, by name."""

from collections.abc import Mapping

from ossgard.pipeline.phase import PhaseProcessor
from ossgard.pipeline.phases.ingest import IngestPhase
from ossgard.pipeline.phases.scan import ScanPhase

PROCESSORS: Mapping[str, PhaseProcessor] = {
    "scan": ScanPhase(),
    "ingest": IngestPhase(),
}
