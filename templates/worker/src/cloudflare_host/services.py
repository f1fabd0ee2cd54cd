"""Puts the ports of the Worker together for the core."""

from dataclasses import fields
from typing import Any

from cloudflare_host import bindings
from cloudflare_host.batches import DurableObjectScheduler
from cloudflare_host.d1 import D1Database
from cloudflare_host.http import FetchClient
from cloudflare_host.queue import CloudflareQueue
from cloudflare_host.system import SystemClock, SystemEntropy
from cloudflare_host.vectorize import VectorizeStore
from ossgard.log import configure
from ossgard.refusals import KnownRefusals
from ossgard.services import CLOUD_HOST, Services
from ossgard.spec.settings import Settings

# Lives as long as the isolate: an event's services are gone after it.
_REFUSALS = KnownRefusals()


def build_services(env: Any) -> Services:
    """The core's services over the bindings of one event; logging is set up on the way."""
    settings = read_settings(env)
    configure(settings, print)
    clock = SystemClock()
    vectors = VectorizeStore(env, clock)
    return Services(
        db=D1Database(getattr(env, bindings.DATABASE)),
        queue=CloudflareQueue(getattr(env, bindings.PIPELINE_QUEUE)),
        pollers=DurableObjectScheduler(getattr(env, bindings.BATCH_POLLER)),
        http=FetchClient(),
        clock=clock,
        entropy=SystemEntropy(),
        settings=settings,
        host=CLOUD_HOST,
        vectors=lambda config: vectors,
        refusals=_REFUSALS,
    )


def read_settings(env: Any) -> Settings:
    """The settings among the Worker's variables; a variable that is not set has its default."""
    names = [field.name.upper() for field in fields(Settings)]
    found = {name: getattr(env, name, None) for name in names}
    return Settings.from_mapping({name: value for name, value in found.items() if isinstance(value, str)})
