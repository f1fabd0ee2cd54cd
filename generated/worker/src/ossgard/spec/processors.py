"""The phases that are built, by name."""

from collections.abc import Mapping

from ossgard.pipeline.phase import PhaseProcessor
from ossgard.pipeline.phases.cluster import ClusterPhase
from ossgard.pipeline.phases.embed import EmbedPhase
from ossgard.pipeline.phases.ingest import IngestPhase
from ossgard.pipeline.phases.rank import RankPhase
from ossgard.pipeline.phases.scan import ScanPhase
from ossgard.pipeline.phases.verify import VerifyPhase

PROCESSORS: Mapping[str, PhaseProcessor] = {
    "scan": ScanPhase(),
    "ingest": IngestPhase(),
    "embed": EmbedPhase(),
    "cluster": ClusterPhase(),
    "verify": VerifyPhase(),
    "rank": RankPhase(),
}
