"""Findings about the files themselves, before anybody asks what they mean."""

from generator.diagnostics import Diagnostic


class SPEC001(Diagnostic):
    """A file of the spec is missing, or cannot be read.

    The spec is four YAML files and the migrations; without one of them nothing can be generated.

        spec/jobs.yaml was renamed to spec/phases.yaml

    Restore the file, save it as UTF-8, or name the project's folder with `--project`.
    """


class SPEC002(Diagnostic):
    """The text is not YAML.

    Nothing can be said about a file that cannot be taken apart.

        title: 'notes    # the text does not end

    Correct the syntax; inside `{ }` and `[ ]`, types with `?` or `[]` stand in quotes: `{title: "text?"}`.
    """


class SPEC003(Diagnostic):
    """A key stands twice in a mapping, or is not a name.

    YAML would keep the last of the two without a word, and the first would be lost.

        result: Account?
        result: Account

    Remove or rename one; write a key that YAML reads as something else in quotes.
    """


class SPEC004(Diagnostic):
    """A key is not known at its place.

    It would be passed over, and what it was to say would have no effect.

        scop: account

    Write the key that was meant; the JSON Schemas in `spec/schema/` let editors complete it.
    """


class SPEC005(Diagnostic):
    """A key is missing.

    The generator guesses nothing that was not said.

        getAccount: {scope: account, sql: SELECT 1, result: integer}    # no doc

    Add the key.
    """


class SPEC006(Diagnostic):
    """A value is not of the form that its key asks for.

    A wrong form is found here, with its place, rather than in what is generated from it.

        port: 340000

    Write a value of the form that the message names.
    """


class SPEC007(Diagnostic):
    """A text holds a character that cannot be seen.

    Control characters, line separators and halves of surrogate pairs break the sources that are generated.

        title: "no\\0tes"

    Remove the character.
    """


class OUT001(Diagnostic):
    """A file of `generated/`, `spec/schema/` or docs/checks.md is not what the spec gives.

    What is deployed would not be what was reviewed.

        spec/database.yaml was edited, and `make generate` not run

    Run `make generate`, and commit the result; `make adopt` carries edits by hand back to the templates.
    """


class TPL001(Diagnostic):
    """A template cannot be rendered, or gives text that is not Python.

    Templates name what the spec gives; what is misspelt there is found when it is rendered.

        {% for method in metods %}

    Correct the template at the line that is named; `generator/output/plan.py` lists what templates can name.
    """
