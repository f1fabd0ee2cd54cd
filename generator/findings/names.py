"""Findings about names and types."""

from generator.diagnostics import Diagnostic


class NAME001(Diagnostic):
    """A name is not in the style of its kind.

    Names are carried over from snake_case to camelCase and back, which works for names in one style only.

        methods: {count_notes: ...}

    Types are in PascalCase, methods, routes and message fields in camelCase, columns and parameters in snake_case.
    """


class NAME002(Diagnostic):
    """A name is a word of Python or TypeScript.

    The code that is generated from it would not compile.

        params: {class: text}

    Choose another name.
    """


class NAME003(Diagnostic):
    """A name is one that the generated code uses itself.

    It would hide what the code around it needs, such as an attribute that every pydantic model has.

        columns: {copy: text}

    Choose another name.
    """


class NAME004(Diagnostic):
    """Two names are one, here or in one of the languages.

    The second would replace the first without a word.

        columns: {part_1: text, part1: text}    # both are part1 in JSON

    Rename one of them.
    """


class NAME005(Diagnostic):
    """A name has no clear other spelling.

    Where a word begins cannot be told behind a digit, so libraries would spell it differently.

        columns: {sha2sum: text}

    Put digits at the end of a word.
    """


class TYPE001(Diagnostic):
    """A type is not known.

    Types are scalars (text, integer, real, boolean, json) and what the spec declares.

        columns: {label: txt}

    Write the name that was meant, or declare it.
    """


class TYPE002(Diagnostic):
    """A type cannot stand here.

    A column holds no HTTP model, and a method returns no boolean alone: nothing would know how to store or read it.

        params: {account: Account}    # an entity as a parameter

    Use one of the kinds that the help names.
    """


class TYPE003(Diagnostic):
    """A record or model contains itself.

    There is no order in which such types can be defined.

        records: {Tree: {fields: {left: "Tree?"}}}

    Refer to it by an id, or use json.
    """


class TYPE004(Diagnostic):
    """A field of a phase's cursor has no value to begin with.

    A phase's first slice has an empty cursor, so what is neither a scalar nor a list has to be nullable.

        cursor: {state: NoteState}

    Write the type with `?`.
    """
