"""What a queue carries: the names of work, never its data."""

from ossgard.model import CamelModel


class PipelineMessage(CamelModel):
    """One slice of work of a scan."""

    type: str
    scan_id: int
    step: int
