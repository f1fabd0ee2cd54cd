"""Errors: each has a status of HTTP and a route that can end with it, and routes list those that are declared."""

from http import HTTPStatus

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.http import ERROR001, ERROR002, ERROR003, ERROR004
from generator.findings.names import NAME002
from generator.spec.source import Location

_STATUSES = frozenset(int(status) for status in HTTPStatus)


def check(context: Context) -> None:
    """Check the table of errors, and what every route lists of it."""
    routes = context.spec.routes
    for index, route in enumerate(routes.routes):
        for position, code in enumerate(route.errors):
            location: Location = ("routes", index, "errors", position)
            if code not in routes.errors:
                context.add(ERROR001, "routes", location, f"unknown error '{code}'", did_you_mean(code, routes.errors))
            elif code in route.errors[:position]:
                context.add(ERROR002, "routes", location, f"{code} stands twice", "remove one")
            elif route.brings(routes.errors[code]):
                parts = " or ".join(routes.errors[code].brought_by)
                context.add(ERROR002, "routes", location, f"its requests bring {code} already ({parts})", "remove it")
    listed = {code for route in routes.routes for code in route.errors}
    for code, error in routes.errors.items():
        at: Location = ("errors", code)
        if error.status not in _STATUSES:
            hint = "400, 404 or 409, for example"
            context.add(ERROR003, "routes", (*at, "status"), f"{error.status} is not a status of HTTP", hint)
        elif code == "MRO":
            context.add(
                NAME002, "routes", at, "Python's enums cannot have a member 'MRO'", "choose another", at_key=True
            )
        elif not error.brought_by and code not in listed:
            hint = "list it under `errors` of a route, say what it is `brought_by`, or remove it"
            context.add(ERROR004, "routes", at, f"no route can end with {code}", hint, at_key=True)
