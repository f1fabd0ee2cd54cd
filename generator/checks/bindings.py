"""Bindings: inside the platform's limits, apart from each other, and consistent."""

import re
from datetime import date

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.jobs import BIND001, BIND002, BIND003, BIND004, BIND005, BIND006, BIND007, BIND008, BIND009
from generator.findings.names import NAME001
from generator.spec.names import PASCAL_NAME, TYPESCRIPT_RESERVED
from generator.spec.source import Location

LARGEST_INTEGER = 2**53 - 1
# The first compatibility date whose Python is the one that the dependencies are built for (CPython 3.14).
FIRST_DATE = "2026-09-08"
PYTHON_FLAG = "python_workers"
# The Durable Object that watches batches; the Worker's entry has it, whichever phases the spec marks.
POLLER = "BatchPoller"
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 1, 7))
_CRON_PART = re.compile(r"(\*|[A-Za-z0-9]+(-[A-Za-z0-9]+)?)(/\d+)?|L|LW|\d+[LW]|\w+#\d")


def check(context: Context) -> None:
    """Check the Worker, the queues, the vector indexes and the names of all bindings."""
    _check_worker(context)
    _check_names(context)
    _check_vectors(context)
    _check_queues(context)
    if POLLER not in [item.class_ for item in context.spec.bindings.durable_objects]:
        message = f"the Worker watches providers' batches in the Durable Object {POLLER}, and none is bound"
        hint = f"add {{binding: BATCH_POLLER, class: {POLLER}}} to durable_objects"
        context.add(BIND008, "bindings", ("durable_objects",), message, hint, at_key=True)


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
    named: list[tuple[str, Location, bool]] = [
        (bindings.d1.binding, ("d1", "binding"), False),
        *((index.binding, ("vectorize", number, "binding"), False) for number, index in enumerate(bindings.vectorize)),
        *(
            (queue.binding, ("queues", name, "binding"), False)
            for name, queue in bindings.queues.items()
            if queue.binding is not None
        ),
        *((item.binding, ("durable_objects", n, "binding"), False) for n, item in enumerate(bindings.durable_objects)),
        *((name, ("vars", name), True) for name in bindings.vars),
        *((name, ("secrets", name), True) for name in bindings.secrets),
    ]
    seen: set[str] = set()
    for name, location, at_key in named:
        if name in seen:
            message = f"there is a binding, variable or secret '{name}' already"
            context.add(BIND005, "bindings", location, message, "rename one of them", at_key=at_key)
        seen.add(name)
    for key, values in (
        ("name", [(("queues", name, "name"), queue.name) for name, queue in bindings.queues.items()]),
        (
            "collection",
            [(("vectorize", n, "collection"), index.collection) for n, index in enumerate(bindings.vectorize)],
        ),
        ("class", [(("durable_objects", n, "class"), item.class_) for n, item in enumerate(bindings.durable_objects)]),
    ):
        taken: set[str] = set()
        for place, value in values:
            if value in taken:
                context.add(BIND005, "bindings", place, f"there is a {key} '{value}' already", "rename one of them")
            taken.add(value)
    for index, item in enumerate(bindings.durable_objects):
        if not PASCAL_NAME.fullmatch(item.class_) or item.class_ in TYPESCRIPT_RESERVED:
            message = f"the class '{item.class_}' is not in PascalCase"
            context.add(NAME001, "bindings", ("durable_objects", index, "class"), message, "write it like BatchPoller")


def _check_vectors(context: Context) -> None:
    bindings = context.spec.bindings
    limits = bindings.limits
    for number, index in enumerate(bindings.vectorize):
        location: Location = ("vectorize", number)
        if index.dimensions > limits.vectorize_dimensions:
            shown = f"{index.dimensions:,} dimensions"
            _over(context, (*location, "dimensions"), shown, "vectorize_dimensions", limits.vectorize_dimensions)
        if len(index.metadata_indexes) > limits.vectorize_metadata_indexes:
            shown = f"{len(index.metadata_indexes)} metadata indexes"
            place = (*location, "metadata_indexes")
            _over(context, place, shown, "vectorize_metadata_indexes", limits.vectorize_metadata_indexes)
        longest = f"{LARGEST_INTEGER}-{LARGEST_INTEGER}-{index.collection.rsplit('-', 1)[-1]}"
        if len(longest) > limits.vectorize_id_bytes:
            shown = f"an id like {longest} of {len(longest)} bytes"
            message = f"{shown}, and the limit vectorize_id_bytes is {limits.vectorize_id_bytes}"
            hint = "shorten what follows the last '-' of the collection's name"
            context.add(BIND001, "bindings", (*location, "collection"), message, hint)


def _check_queues(context: Context) -> None:
    spec = context.spec
    queues, limits, retries = spec.bindings.queues, spec.bindings.limits, spec.jobs.retries
    for name, queue in queues.items():
        location: Location = ("queues", name)
        if queue.dead_letter is not None:
            place = (*location, "dead_letter")
            if queue.dead_letter not in queues:
                hint = did_you_mean(queue.dead_letter, set(queues) - {name})
                context.add(BIND006, "bindings", place, f"unknown queue '{queue.dead_letter}'", hint)
            elif queue.dead_letter == name:
                context.add(
                    BIND006, "bindings", place, f"'{name}' cannot be its own dead-letter queue", "name another queue"
                )
        if queue.max_batch_size > limits.queue_batch_messages:
            shown = f"{queue.max_batch_size} messages"
            _over(context, (*location, "max_batch_size"), shown, "queue_batch_messages", limits.queue_batch_messages)
        if queue.max_retries > limits.queue_max_retries:
            shown = f"{queue.max_retries} retries"
            _over(context, (*location, "max_retries"), shown, "queue_max_retries", limits.queue_max_retries)
        elif queue.binding is not None and retries.waits(queue.max_retries) < retries.patience_seconds:
            message = (
                f"the queue gives up after {queue.max_retries} retries, {retries.waits(queue.max_retries)} seconds, "
                f"and patience_seconds is {retries.patience_seconds}"
            )
            hint = "raise it, so that a database which is out of reach for so long fails no scan"
            context.add(BIND007, "bindings", (*location, "max_retries"), message, hint)
        if queue.max_concurrency > limits.queue_max_concurrency:
            shown = f"{queue.max_concurrency} invocations"
            place = (*location, "max_concurrency")
            _over(context, place, shown, "queue_max_concurrency", limits.queue_max_concurrency)
        if queue.retry_delay > limits.queue_max_delay_seconds:
            shown = f"{queue.retry_delay:,} seconds"
            place = (*location, "retry_delay")
            _over(context, place, shown, "queue_max_delay_seconds", limits.queue_max_delay_seconds)
        if queue.binding is not None and queue.dead_letter is None:
            message = f"'{name}' has no dead-letter queue: a message that fails for good would leave its scan hanging"
            context.add(BIND006, "bindings", location, message, "add `dead_letter`", at_key=True)
    if not any(queue.binding for queue in queues.values()):
        context.add(
            BIND008,
            "bindings",
            ("queues",),
            "no queue has a producer's binding",
            "give the pipeline's queue a `binding`",
        )
    if retries.longest_seconds > limits.queue_max_delay_seconds:
        message = f"{retries.longest_seconds:,} seconds are over the limit queue_max_delay_seconds"
        hint = f"write {limits.queue_max_delay_seconds} or less"
        context.add(BIND001, "jobs", ("retries", "longest_seconds"), message, hint)
    local = spec.bindings.local
    if local.jobs_per_account > local.jobs:
        message = f"an account may have {local.jobs_per_account} jobs at a time, and there are {local.jobs} in all"
        context.add(BIND009, "bindings", ("local", "jobs_per_account"), message, f"lower it to {local.jobs} or less")


def _over(context: Context, location: Location, shown: str, limit: str, value: int) -> None:
    context.add(
        BIND001, "bindings", location, f"{shown}, and the limit {limit} is {value:,}", f"lower it to {value} or less"
    )
