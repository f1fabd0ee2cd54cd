"""Findings about statements, and about what they return."""

from generator.diagnostics import Diagnostic


class SQL001(Diagnostic):
    """A statement is not one SELECT, INSERT, UPDATE or DELETE.

    Tables are changed by migrations, and a list of statements is a transaction already.

        sql: DELETE FROM notes; DELETE FROM comments

    Make `sql` a list, or move the statement to a migration.
    """


class SQL002(Diagnostic):
    """A parameter is not written `:name`.

    D1 binds by number, which the generator gives; other spellings are bound to nothing.

        WHERE id = ?1

    Write `:name`; in place of `::type`, write CAST(:name AS type).
    """


class SQL003(Diagnostic):
    """D1 refuses what SQLite takes.

    D1 has smaller limits and fewer functions; the statement would run here and on Bun, and fail in the cloud.

        SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6

    Write it as the help says; `bindings.yaml` has the limits and functions of D1.
    """


class SQL004(Diagnostic):
    """A statement is too long, or has too many parameters, for D1.

    D1 refuses it when it is called.

        INSERT INTO notes VALUES (:a1, :a2, ..., :a101)

    Send the values as one record or list, read with `->>` or json_each.
    """


class SQL005(Diagnostic):
    """SQLite refuses a statement.

    It was prepared against the tables that the migrations make.

        SELECT id FROM note

    Correct the name or the syntax at the place that is marked.
    """


class SQL006(Diagnostic):
    """A parameter is not declared, or is declared although it is given.

    `scope: account` brings `:account_id`, and `page` brings `:after` and `:page_size`.

        params: {account_id: integer}

    Declare what the statement names and nobody brings, and nothing else.
    """


class SQL007(Diagnostic):
    """No statement uses a parameter.

    Callers would give a value that has no effect.

        params: {title: text}, sql: DELETE FROM notes

    Use it, or remove it.
    """


class SQL008(Diagnostic):
    """A list is read as a value.

    A list is sent as one JSON text, which equals none of its items.

        WHERE id IN (:ids)

    Read it with json_each: `IN (SELECT value FROM json_each(:ids))`.
    """


class SQL009(Diagnostic):
    """A path leads to no field of a record or patch.

    `->>` of a missing field is null, so the column would be emptied without a word.

        UPDATE notes SET title = :entry ->> '$.titel'

    Write the field's camelCase name.
    """


class SQL010(Diagnostic):
    """No statement reads a field of a record or patch.

    What callers give there would be lost.

        patch: {title: text, body: text}, and only '$.title' is read

    Store it, or remove the field.
    """


class SQL011(Diagnostic):
    """A text beside an enum's column is none of its values.

    The comparison would never hold, or the next reader would fail on the value.

        WHERE state = 'opne'

    Write a value of the enum.
    """


class SQL012(Diagnostic):
    """A method fails each time when it runs.

    It was prepared, and then run on made-up rows.

        SELECT json_extract(title || '{', '$.a') FROM notes

    Correct what SQLite's message names.
    """


class SQL013(Diagnostic):
    """A method does not end on a few rows.

    A recursion over rows that refer to each other in a circle takes all memory.

        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n

    Count the depth and compare it, or write UNION instead of UNION ALL.
    """


class SQL014(Diagnostic):
    """A method means something else when a long list is sent in pieces.

    A list over D1's size of a value is sent in several calls, whose results are put together.

        WHERE id NOT IN (SELECT value FROM json_each(:ids))

    Write `pieces: false`, so that a list which is too long is an error, or ask it otherwise.
    """


class SQL015(Diagnostic):
    """A column list names no entity.

    `{Entity from alias}` stands for the entity's columns.

        SELECT {Nota from n} FROM notes AS n

    Write the entity's name.
    """


class RESULT001(Diagnostic):
    """Whether a method returns rows is not what it declares.

    Rows that nobody asked for are thrown away, and a declared result would never come.

        sql: DELETE FROM notes RETURNING id    # without result

    Declare the result, or drop RETURNING; one statement of a method returns rows.
    """


class RESULT002(Diagnostic):
    """A result's columns are not those of the declared type.

    The row could not be read, or a column would be read and thrown away.

        SELECT id FROM notes, with result: Note[]

    Select the entity's columns, each once; `{Entity from alias}` spells them out.
    """


class RESULT003(Diagnostic):
    """A result's value is not of the declared type.

    The handler would get what its types exclude.

        SELECT title AS value FROM notes, with value: integer

    Cast it, or correct the type.
    """


class RESULT004(Diagnostic):
    """A value can be null, and is declared never to be.

    It is not null in most rows, and then fails for the one where it is.

        SELECT sum(stars) FROM notes, with result: real

    Declare it `T?`, wrap it in ifnull(), or leave nulls out.
    """


class RESULT005(Diagnostic):
    """A method cannot be paged as it is declared.

    A page continues after the last row's integer, so rows come in its order, and each page ends.

        page: {by: id, size: 100}, with ORDER BY title

    Return a list of an entity, `WHERE by > :after ORDER BY by LIMIT :page_size`.
    """


class RESULT006(Diagnostic):
    """A `*` leaves out columns of its table.

    It stands for the entity's columns, and says more than that.

        SELECT * FROM notes, where Note lacks meta

    Write `{Entity from alias}`.
    """
