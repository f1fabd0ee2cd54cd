"""The arithmetic of budgets: what a slice of declared calls comes to, and the largest slice that fits."""

from typing import Any

import pytest

from generator.spec.budgets import PhaseBudget, compute_budgets, largest_size
from generator.spec.spec import Spec
from tests.generator.spec_folder import SpecFolder

LARGEST = 2**53 - 1


def budget(spec: SpecFolder, size: int, *calls: dict[str, Any], messages: int = 1) -> PhaseBudget:
    """The budget of one phase, whose slices have 2 statements in 1 round trip beside the calls."""
    spec.jobs["phases"][0]["slice"] = {"of": "pages", "size": size}
    spec.jobs["phases"][0]["budget"] = {"statements": 2, "round_trips": 1, "calls": list(calls)}
    spec.bindings["queue"]["max_batch_size"] = messages
    [result] = compute_budgets(loaded(spec))
    return result


def loaded(spec: SpecFolder) -> Spec:
    return spec.load().spec


@pytest.mark.parametrize(
    ("size", "calls", "expected"),
    [
        (1, [], 6),
        (50, [{"to": "github", "count": 2}], 8),
        (50, [{"to": "github", "count": 2, "attempts": 3}], 12),
        (50, [{"to": "github", "count": 1, "per": 1}], 56),
        (50, [{"to": "github", "count": 2, "per": 20}], 12),
        (50, [{"to": "github", "count": 2, "per": 20, "attempts": 4}, {"to": "vectors", "count": 1}], 31),
    ],
)
def test_subrequests_are_the_runners_the_round_trips_and_every_call(
    spec: SpecFolder, size: int, calls: list[dict[str, Any]], expected: int
) -> None:
    assert budget(spec, size, *calls).subrequests == expected


def test_every_statement_is_a_query(spec: SpecFolder) -> None:
    assert budget(spec, 1).d1_queries == 7 + 2


def test_an_invocation_with_a_batch_of_messages_costs_as_many_slices(spec: SpecFolder) -> None:
    result = budget(spec, 10, {"to": "github", "count": 1, "per": 1}, messages=5)
    assert (result.d1_queries, result.subrequests) == (5 * 9, 5 * 16)


def test_a_message_is_measured_with_its_largest_values(spec: SpecFolder) -> None:
    body = f'{{"type":"scan","scanId":{LARGEST},"step":{LARGEST}}}'
    assert budget(spec, 1).message_bytes == len(body) + 100


def test_the_largest_slice_that_fits_is_found(spec: SpecFolder) -> None:
    calls = {"to": "github", "count": 3, "per": 1}
    assert budget(spec, 331, calls).subrequests == 999
    whole = loaded(spec)
    phase = whole.jobs.phases[0]
    larger = phase.model_copy(update={"slice": phase.slice.model_copy(update={"size": 5000})})
    assert largest_size(whole, larger, whole.bindings.plans["paid"]) == 331
    assert largest_size(whole, larger, whole.bindings.plans["free"]) == 14
    spec.jobs["phases"][0]["slice"]["size"] = 332
    assert "a slice of 331 fits" in spec.diagnostics()
