"""Findings about phases, their budgets, and what Cloudflare gives the Worker."""

from generator.diagnostics import Diagnostic


class PHASE001(Diagnostic):
    """A phase's name is taken.

    A message names its phase, and `done` stands for none.

        - name: done

    Choose another name.
    """


class PHASE002(Diagnostic):
    """The phase that should follow is not known.

    A scan would stop there for ever.

        next: ingets

    Write the name of a phase, or `done`.
    """


class PHASE003(Diagnostic):
    """The phases go in a circle.

    A scan would never end.

        scan -> ingest -> scan

    The last phase has `next: done`.
    """


class PHASE004(Diagnostic):
    """No scan reaches a phase.

    Scans begin with the first entry and follow `next`.

        scan has next: done, and ingest stands behind it

    Name it as the `next` of the phase before it.
    """


class PHASE005(Diagnostic):
    """A phase's status is none that a scan can have.

    Storing it would fail, and the enum's readers do not know it.

        status: scanning

    Use a value of `ScanStatus`, or add one.
    """


class PHASE006(Diagnostic):
    """A phase has the status of a scan that no phase works on.

    Callers would take a running scan for one that has ended or waits for a resume, and start another.

        status: paused

    Use the status of a scan that is active.
    """


class PHASE007(Diagnostic):
    """A phase has no processor.

    Its messages would fail, each scan with them.

        - name: triage    # and no pipeline/phases/triage.py

    `make phase NAME=triage AFTER=verify` writes the entry and a stub of the class.
    """


class PHASE008(Diagnostic):
    """A message lacks a field that the runner needs.

    A message names its phase, its scan and its step; without them it cannot be told from a repetition.

        message: {fields: {type: text, scanId: integer}}

    Write the field as the help shows it.
    """


class PHASE009(Diagnostic):
    """Waits contradict each other.

    A first wait over the longest is never waited, and errors that come faster than `patience_seconds` fail scans early.

        polling: {first_seconds: 300, longest_seconds: 120}

    Raise or lower the one that the message names.
    """


class BUDGET001(Diagnostic):
    """A message carries data.

    A message that comes twice, or late, would bring old data with it; and a queue's messages are small.

        message: {fields: {title: text}}

    Keep intermediate results in tables; a message holds integers, booleans and enums.
    """


class BUDGET002(Diagnostic):
    """A message can be larger than the queue takes.

    Sending it would fail when the values are large, not when it is tested.

        limits: {queue_message_bytes: 150}

    Drop fields.
    """


class BUDGET003(Diagnostic):
    """The worst case of an invocation is over the plan's limits.

    Cloudflare ends an invocation that makes more calls, always at the same place.

        slice: {size: 400}, with 3 calls for each item, on a plan of 1,000 subrequests

    Lower the size to what the help names, or choose another plan.
    """


class BIND001(Diagnostic):
    """A value is over a limit of the platform.

    `wrangler deploy` refuses it, or the queue does when it runs.

        vectors: {dimensions: 3072}

    Lower it to the limit; the limits stand in `bindings.yaml` with their sources.
    """


class BIND002(Diagnostic):
    """The plan is not known.

    Budgets are held against the plan's limits.

        plan: payed

    Write the name of one of `plans`.
    """


class BIND003(Diagnostic):
    """The compatibility date or flags do not give the Python that the Worker is built for.

    The wheels of the dependencies fit one version of Python only.

        compatibility_date: "2026-01-01"

    Write the date or flag that the help names.
    """


class BIND004(Diagnostic):
    """A cron is no schedule.

    `wrangler deploy` refuses it, or it never runs.

        crons: ["*/0 * * * *"]

    Write five fields, minute hour day month weekday, each within its range, with steps of at least 1.
    """


class BIND005(Diagnostic):
    """Two bindings or vector indexes have one name.

    The second would take the place of the first.

        database: {binding: DB}, and queue: {binding: DB}

    Rename one of them.
    """


class BIND006(Diagnostic):
    """The dead-letter queue is the pipeline's own.

    A message that fails for good would come back for ever.

        queue: {name: ossgard-pipeline}, and dead_letter: {name: ossgard-pipeline}

    Name another queue.
    """


class BIND007(Diagnostic):
    """A queue gives up before the runner does.

    A database that is out of reach for `patience_seconds` would fail scans.

        max_retries: 2

    Raise it.
    """


class BIND008(Diagnostic):
    """An account may have more jobs at a time than there are.

    The limit of an account would have no effect.

        local: {jobs: 6, jobs_per_account: 7}

    Lower it.
    """
