"""Bindings: inside the platform's limits, apart from each other, and consistent."""

import re
from datetime import date

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.jobs import BIND001, BIND002, BIND003, BIND004, BIND005, BIND006, BIND007, BIND008
from generator.spec.source import Location

# The first compatibility date whose Python is the one that the dependencies are built for (CPython 3.14).
FIRST_DATE = "2026-09-08"
PYTHON_FLAG = "python_workers"
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 1, 7))
_CRON_PART = re.compile(r"(\*|[A-Za-z0-9]+(-[A-Za-z0-9]+)?)(/\d+)?|L|LW|\d+[LW]|\w+#\d")


def check(context: Context) -> None:
    """Check the Worker, the queues, the vector indexes and the names of all bindings."""
    _check_worker(context)
    _check_names(context)
    _check_vectors(context)
    _check_queues(context)


def _check_worker(context: Context) -> None:
    bindings = context.spec.bindings
    worker, limits = bindings.worker, bindings.limits
    if worker.plan not in bindings.plans:
        hint = did_you_mean(worker.plan, bindings.plans)
        context.add(BIND002, "bindings", ("worker", "plan"), f"unknown plan '{worker.plan}'", hint)
    if worker.cpu_ms > limits.cpu_ms:
        _over(context, ("worker", "cpu_ms"), f"{worker.cpu_ms:,} ms", "cpu_ms", limits.cpu_ms)
    try:
        date.fromisoformat(worker.compatibility_date)
    except ValueError:
        hint = f'write YYYY-MM-DD, "{FIRST_DATE}" or later'
        message = f"'{worker.compatibility_date}' is no date"
        context.add(BIND003, "bindings", ("worker", "compatibility_date"), message, hint)
    else:
        if worker.compatibility_date < FIRST_DATE:
            message = f"'{worker.compatibility_date}' has another Python than the one that the Worker is built for"
            context.add(
                BIND003, "bindings", ("worker", "compatibility_date"), message, f'write "{FIRST_DATE}" or later'
            )
    if PYTHON_FLAG not in worker.compatibility_flags:
        message = f"a Python Worker needs the flag '{PYTHON_FLAG}'"
        context.add(BIND003, "bindings", ("worker", "compatibility_flags"), message, f"add {PYTHON_FLAG}")
    for index, cron in enumerate(worker.crons):
        problem = _cron_problem(cron)
        if problem:
            hint = 'five fields, minute hour day month weekday: "*/15 * * * *"'
            context.add(BIND004, "bindings", ("worker", "crons", index), f"'{cron}' is no schedule: {problem}", hint)


def _cron_problem(cron: str) -> str:
    parts = cron.split(" ")
    if len(parts) != len(_CRON):
        return f"it has {len(parts)} {'field' if len(parts) == 1 else 'fields'}"
    for part, (name, lowest, highest) in zip(parts, _CRON, strict=True):
        for item in part.split(","):
            if not _CRON_PART.fullmatch(item):
                return f"the {name} '{part}'"
            numbers = [int(text) for text in re.findall(r"\d+", item.split("/")[0].split("#")[0])]
            if any(not lowest <= number <= highest for number in numbers) or numbers != sorted(numbers):
                return f"the {name} '{part}' is not within {lowest} and {highest}"
            if "/" in item and int(item.split("/")[1]) == 0:
                return f"the {name} '{part}' has the step 0"
    return ""


def _check_names(context: Context) -> None:
    bindings = context.spec.bindings
    indexes = bindings.vectors.indexes
    names: list[tuple[str, Location, bool]] = [
        (bindings.database.binding, ("database", "binding"), False),
        *((index.binding, ("vectors", key, "binding"), False) for key, index in indexes.items()),
        (bindings.queue.binding, ("queue", "binding"), False),
        (bindings.poller.binding, ("poller", "binding"), False),
        *((name, ("vars", name), True) for name in bindings.vars),
        *((name, ("secrets", name), True) for name in bindings.secrets),
    ]
    taken: set[str] = set()
    for name, location, at_key in names:
        if name in taken:
            message = f"there is a binding, variable or secret '{name}' already"
            context.add(BIND005, "bindings", location, message, "rename one of them", at_key=at_key)
        taken.add(name)
    if bindings.queue.name == bindings.dead_letter.name:
        message = "the pipeline's queue would take what it gives up itself"
        context.add(BIND006, "bindings", ("dead_letter", "name"), message, "name another queue")
    if indexes["code"].collection == indexes["intent"].collection:
        message = "both signals would be stored in one index"
        context.add(BIND005, "bindings", ("vectors", "intent", "collection"), message, "name another one")


def _check_vectors(context: Context) -> None:
    dimensions, limit = context.spec.bindings.vectors.dimensions, context.spec.bindings.limits.vectorize_dimensions
    if dimensions > limit:
        _over(context, ("vectors", "dimensions"), f"{dimensions:,} dimensions", "vectorize_dimensions", limit)


def _check_queues(context: Context) -> None:
    bindings, retries = context.spec.bindings, context.spec.jobs.retries
    limits = bindings.limits
    for name, queue in (("queue", bindings.queue), ("dead_letter", bindings.dead_letter)):
        for key, value, shown, limit in (
            ("max_batch_size", queue.max_batch_size, "messages", "queue_batch_messages"),
            ("max_retries", queue.max_retries, "retries", "queue_max_retries"),
            ("max_concurrency", queue.max_concurrency, "invocations", "queue_max_concurrency"),
            ("retry_delay", queue.retry_delay, "seconds", "queue_max_delay_seconds"),
        ):
            most = getattr(limits, limit)
            if value > most:
                _over(context, (name, key), f"{value:,} {shown}", limit, most)
    tries = bindings.queue.max_retries
    if retries.waits(tries) < retries.patience_seconds:
        message = (
            f"the queue gives up after {tries} retries, {retries.waits(tries)} seconds, "
            f"and patience_seconds is {retries.patience_seconds}"
        )
        hint = "raise it, so that a database which is out of reach for so long fails no scan"
        context.add(BIND007, "bindings", ("queue", "max_retries"), message, hint)
    if retries.longest_seconds > limits.queue_max_delay_seconds:
        message = f"{retries.longest_seconds:,} seconds are over the limit queue_max_delay_seconds"
        hint = f"write {limits.queue_max_delay_seconds} or less"
        context.add(BIND001, "jobs", ("retries", "longest_seconds"), message, hint)
    local = bindings.local
    if local.jobs_per_account > local.jobs:
        message = f"an account may have {local.jobs_per_account} jobs at a time, and there are {local.jobs} in all"
        context.add(BIND008, "bindings", ("local", "jobs_per_account"), message, f"lower it to {local.jobs} or less")


def _over(context: Context, location: Location, shown: str, limit: str, value: int) -> None:
    context.add(
        BIND001, "bindings", location, f"{shown}, and the limit {limit} is {value:,}", f"lower it to {value} or less"
    )
