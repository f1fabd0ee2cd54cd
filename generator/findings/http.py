"""Findings about routes, their models and their errors."""

from generator.diagnostics import Diagnostic


class FIELD001(Diagnostic):
    """A constraint does not go with its field's type.

    It would be dropped, or fail when the models are built.

        age: {type: integer, max_length: 3}

    Remove it, or change the type.
    """


class FIELD002(Diagnostic):
    """No value satisfies a field's constraints.

    Each request with this field would be refused.

        age: {type: integer, min: 3, max: 1}

    Swap the limits.
    """


class FIELD003(Diagnostic):
    """A pattern cannot be compiled.

    Patterns are run by Rust's regex library, which knows no look-around and no back-references.

        code: {type: text, pattern: "(?<!a)b"}

    Write it in Rust's syntax.
    """


class FIELD004(Diagnostic):
    """A default is not of its field's type.

    Callers that leave the field out would get what its type forbids.

        age: {type: integer, default: three}

    Write a default of the type.
    """


class FIELD005(Diagnostic):
    """A `default_by` does not cover an enum that stands before its field.

    The URL is chosen by another field's value, which has to be known by then, whatever it is.

        url: {type: text, format: url, default_by: {provider: {openai: "https://..."}}}    # and anthropic?

    Name one enum field that stands before it, and give a URL for each of its values.
    """


class ROUTE001(Diagnostic):
    """A path is not made of whole segments.

    Routers match segments: `/`, text or one `{parameter}`, `/` and so on, each parameter once.

        path: /things.{id}

    Make each parameter a segment of its own.
    """


class ROUTE002(Diagnostic):
    """The path and `params` do not agree.

    A parameter that only one of them has never gets a value.

        path: /things/{id}    # without params

    Declare exactly the path's parameters, in its order.
    """


class ROUTE003(Diagnostic):
    """A path parameter cannot be of this type.

    A segment is a text; only texts, integers and scalars are read from it.

        params: {id: Health}

    Use text, integer, or a scalar of `scalars`.
    """


class ROUTE004(Diagnostic):
    """A route is never reached.

    A request goes to the first route that fits, which is another one.

        GET /scans/{scanId}, then GET /scans/latest

    Put it before the other route, or change its path or method.
    """


class ROUTE005(Diagnostic):
    """A GET request has a body.

    Clients and proxies drop it.

        {method: GET, body: Health}

    Use POST, or take the values from the path.
    """


class ROUTE006(Diagnostic):
    """A lenient body has a field without a default.

    A request may leave a lenient body out, and then nothing says what the field is.

        body: {model: Health, lenient: true}    # and Health.status is required

    Write the field with `?`, or give it a default.
    """


class ROUTE007(Diagnostic):
    """An answer does not go with its status, or is no JSON object or list of them.

    Callers rely on the shape that the status promises, and nothing can be added to a bare value later.

        responses: {200: none}

    204 goes with `none`; every other status with a model, an entity, a list of either, or json.
    """


class ROUTE008(Diagnostic):
    """A route's handler is missing.

    The service would fail to start.

        handler: health.get_helth

    Write the function in `templates/core/ossgard/routes/`, or correct its name.
    """


class ROUTE009(Diagnostic):
    """A handler does not take what its route gives.

    Each request would end with a TypeError, or leave an argument at its default.

        async def get_thing(context, thing_id=0)    # for /things/{thingId}

    Write the signature that the help shows.
    """


class ERROR001(Diagnostic):
    """A route lists an error that is not declared.

    The interface's description would have an error without status and explanation.

        errors: [INVALID_REQEST]

    Write the code that was meant, or declare it under `errors`.
    """


class ERROR002(Diagnostic):
    """A route lists an error that it has already.

    What comes with the account, the parameters or the body is said once, by `brought_by`.

        {auth: account, errors: [UNAUTHORIZED]}

    Remove it.
    """


class ERROR003(Diagnostic):
    """An error's status is not one of HTTP.

    Clients could not tell what went wrong.

        GONE: {status: 444}

    Write a status like 400, 404 or 409.
    """


class ERROR004(Diagnostic):
    """No route can end with an error.

    It would be described to callers, and never happen.

        GONE: {status: 410, brought_by: []}    # and no route lists it

    List it under `errors` of a route, say what it is `brought_by`, or remove it.
    """
