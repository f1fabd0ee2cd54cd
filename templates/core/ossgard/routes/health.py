"""Whether the service answers."""

from ossgard.http import PublicContext
from ossgard.spec.models import Health


async def get_health(context: PublicContext) -> Health:
    """It does."""
    return Health(status="ok")
