"""Statements of account methods: those that leak, in many ways, and those that do not."""

from tests.generator.spec_folder import SpecFolder

# Beside those of the small spec.
TABLES = """\
CREATE TABLE tags (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account_id, name)
);
CREATE TABLE taggings (
    note_id INTEGER NOT NULL REFERENCES notes (id),
    tag_id INTEGER NOT NULL REFERENCES tags (id),
    at TEXT,
    PRIMARY KEY (note_id, tag_id)
);
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY,
    account_id INTEGER REFERENCES accounts (id) ON DELETE SET NULL,
    text TEXT NOT NULL,
    parent_id INTEGER REFERENCES drafts (id)
);
CREATE TABLE plans (name TEXT NOT NULL PRIMARY KEY, price REAL NOT NULL);
CREATE TABLE log (line TEXT NOT NULL);
CREATE VIEW public_notes AS SELECT id, account_id, title FROM notes WHERE state = 'open';
CREATE VIEW leaky AS
SELECT notes.id, accounts.id AS account_id, notes.title
FROM accounts JOIN notes ON notes.account_id = accounts.id OR notes.title = 'welcome';
CREATE VIEW own_counts AS SELECT account_id, count(*) AS n FROM notes GROUP BY account_id;
"""
A = "account_id = :account_id"
# It mentions :account_id, which the plainer check asks for, and compares nothing with it.
ANY = ":account_id IS NOT NULL"
NOTES = "SELECT id FROM notes WHERE account_id = :account_id"


FORGETFUL: dict[str, tuple[str | list[str], dict[str, str], str | None]] = {
    "a row by id": (f"SELECT title FROM notes WHERE id = :id AND {ANY}", {"id": "integer"}, "text?"),
    "rows by a list of ids": (
        f"SELECT title FROM notes WHERE id IN (SELECT value FROM json_each(:ids)) AND {ANY}",
        {"ids": "integer[]"},
        "text[]",
    ),
    "rows of a parent": (
        f"SELECT comments.body FROM comments JOIN notes ON notes.id = note_id WHERE note_id = :id AND {ANY}",
        {"id": "integer"},
        "text[]",
    ),
    "rows in one state": (f"SELECT title FROM notes WHERE state = 'closed' AND {ANY}", {}, "text[]"),
    "a count": (f"SELECT count(*) AS number FROM notes WHERE {ANY}", {}, "integer"),
    "whether a row exists": (
        f"SELECT EXISTS (SELECT 1 FROM notes WHERE title = :title) AS found WHERE {ANY}",
        {"title": "text"},
        "integer",
    ),
    "the newest row": (f"SELECT title FROM notes WHERE {ANY} ORDER BY id DESC LIMIT 1", {}, "text?"),
    "the oldest row": (f"SELECT title FROM notes WHERE {ANY} ORDER BY id LIMIT 1", {}, "text?"),
    "an update of the newest row": (
        f"UPDATE notes SET stars = 1 WHERE id = (SELECT max(id) FROM notes) AND {ANY}",
        {},
        None,
    ),
    "a subquery": (
        "SELECT (SELECT max(title) FROM notes) AS title FROM accounts WHERE id = :account_id",
        {},
        "text?",
    ),
    "an outer join": (
        "SELECT ifnull(comments.body, '') AS body FROM notes LEFT JOIN comments ON comments.number = notes.id OR 1 "
        "WHERE notes.account_id = :account_id",
        {},
        "text[]",
    ),
    "an update by id": (f"UPDATE notes SET stars = 1 WHERE id = :id AND {ANY}", {"id": "integer"}, "changes"),
    "an update of all": (f"UPDATE notes SET stars = 1 WHERE {ANY}", {}, "changes"),
    "an update that takes rows over": (
        "UPDATE notes SET account_id = :account_id WHERE id = :id",
        {"id": "integer"},
        "changes",
    ),
    "an update that gives rows away": (
        "UPDATE notes SET account_id = :other WHERE account_id = :account_id",
        {"other": "integer"},
        "changes",
    ),
    "a deletion by id": (f"DELETE FROM comments WHERE id = :id AND {ANY}", {"id": "integer"}, "changes"),
    "a deletion that cascades": (f"DELETE FROM notes WHERE id = :id AND {ANY}", {"id": "integer"}, None),
    "an insertion under a foreign parent": (
        f"INSERT INTO comments (note_id, number, body) SELECT :note_id, 1, 'x' WHERE {ANY}",
        {"note_id": "integer"},
        "changes",
    ),
    "an insertion of what another has": (
        "INSERT INTO notes (account_id, title) SELECT :account_id, title FROM notes WHERE id = :id RETURNING title",
        {"id": "integer"},
        "text?",
    ),
    "a replacement": (
        "INSERT INTO comments (note_id, number, body) SELECT note_id, number, :body FROM comments "
        f"WHERE comments.id = :id AND {ANY} ON CONFLICT (note_id, number) DO UPDATE SET body = excluded.body",
        {"id": "integer", "body": "text"},
        "changes",
    ),
    "a title of another": (
        "UPDATE notes SET title = (SELECT title FROM notes AS other WHERE other.id = :id) "
        "WHERE account_id = :account_id AND EXISTS (SELECT 1 FROM notes AS other WHERE other.id = :id)",
        {"id": "integer"},
        None,
    ),
    "an insertion into a table of nobody": (
        f"INSERT INTO log (line) SELECT title FROM notes WHERE id = :id AND {ANY}",
        {"id": "integer"},
        None,
    ),
    "the second of two statements": (
        ["UPDATE notes SET stars = 0 WHERE account_id = :account_id", f"DELETE FROM comments WHERE {ANY}"],
        {},
        "changes",
    ),
    "a search without brackets": (
        "SELECT id FROM notes WHERE account_id = :account_id AND title LIKE :word OR title = :word",
        {"word": "text"},
        "integer[]",
    ),
    "or a title": (f"SELECT id FROM notes WHERE {A} OR title = 'admin'", {}, "integer[]"),
    "or a beginning": (f"SELECT id FROM notes WHERE {A} OR title LIKE 'adm%'", {}, "integer[]"),
    "or a pattern": (f"SELECT id FROM notes WHERE {A} OR title GLOB '[a-z]*x?'", {}, "integer[]"),
    "or a range": (
        f"SELECT id FROM notes WHERE {A} OR stars BETWEEN 3.5 AND 4.5 AND state = 'open'",
        {},
        "integer[]",
    ),
    "or one of two": (f"SELECT id FROM notes WHERE {A} OR title IN ('a', 'b')", {}, "integer[]"),
    "or a field of JSON": (f"SELECT id FROM notes WHERE {A} OR meta ->> '$.public' = 'yes'", {}, "integer[]"),
    "or a place in JSON": (f"SELECT id FROM notes WHERE {A} OR json_extract(meta, '$.a.b[2]') > 17", {}, "integer[]"),
    "or a long text": (f"SELECT id FROM notes WHERE {A} OR length(body) > 5000", {}, "integer[]"),
    "or a title in any case": (f"SELECT id FROM notes WHERE {A} OR lower(title) = 'welcome'", {}, "integer[]"),
    "or a null": (f"SELECT id FROM notes WHERE {A} OR meta IS NULL", {}, "integer[]"),
    "or a null in one word": (f"SELECT id FROM notes WHERE {A} OR meta ISNULL", {}, "integer[]"),
    "or no null and a number": (
        f"SELECT id FROM notes WHERE {A} OR body IS NOT NULL AND stars > 99",
        {},
        "integer[]",
    ),
    "or an id": (f"SELECT id FROM notes WHERE {A} OR id = 7", {}, "integer[]"),
    "or an account's id": (f"SELECT id FROM notes WHERE {A} OR account_id = 7", {}, "integer[]"),
    "one of two accounts": ("SELECT id FROM notes WHERE account_id IN (:account_id, 7)", {}, "integer[]"),
    "one of two accounts by parameter": (
        "SELECT id FROM notes WHERE account_id IN (:account_id, :other)",
        {"other": "integer"},
        "integer[]",
    ),
    "another account where it is given": (
        "SELECT id FROM notes WHERE account_id = coalesce(:other, :account_id)",
        {"other": "integer?"},
        "integer[]",
    ),
    "at least": ("SELECT id FROM notes WHERE account_id >= :account_id", {}, "integer[]"),
    "at most": ("SELECT id FROM notes WHERE account_id <= :account_id", {}, "integer[]"),
    "other than": ("SELECT id FROM notes WHERE account_id <> :account_id", {}, "integer[]"),
    "is not": ("SELECT id FROM notes WHERE account_id IS NOT :account_id", {}, "integer[]"),
    "not equal": ("SELECT id FROM notes WHERE NOT account_id = :account_id", {}, "integer[]"),
    "not another's with a title": (
        "SELECT id FROM notes WHERE NOT (account_id <> :account_id AND title = 'x')",
        {},
        "integer[]",
    ),
    "an id that begins alike": ("SELECT id FROM notes WHERE account_id LIKE :account_id || '%'", {}, "integer[]"),
    "an id that ends alike": ("SELECT id FROM notes WHERE account_id % 10 = :account_id % 10", {}, "integer[]"),
    "the account's id as a note's": ("SELECT title FROM notes WHERE id = :account_id", {}, "text[]"),
    "the account's id as a parent's": (
        "SELECT comments.body FROM comments WHERE note_id = :account_id",
        {},
        "text[]",
    ),
    "a join by the wrong key": (
        f"SELECT comments.body FROM comments JOIN notes ON notes.id = comments.id WHERE notes.{A}",
        {},
        "text[]",
    ),
    "a join by values": (
        f"SELECT comments.body FROM comments JOIN notes ON notes.body = comments.body WHERE notes.{A}",
        {},
        "text[]",
    ),
    "a join without a condition": (f"SELECT comments.body FROM comments, notes WHERE notes.{A}", {}, "text[]"),
    "aliases that change places": (
        "SELECT notes.title FROM tags AS notes JOIN notes AS tags ON 1 WHERE notes.account_id = :account_id".replace(
            "notes.title", "tags.title"
        ),
        {},
        "text[]",
    ),
    "a guard of another table": (
        "SELECT title FROM notes WHERE EXISTS (SELECT 1 FROM tags WHERE account_id = :account_id)",
        {},
        "text[]",
    ),
    "a guard inside a subquery": (
        "SELECT title FROM notes WHERE id IN (SELECT note_id FROM taggings JOIN notes ON 1 "
        "WHERE notes.account_id = :account_id)",
        {},
        "text[]",
    ),
    "a CTE that sees all": (
        f"WITH own AS (SELECT id FROM notes WHERE {A}), al AS (SELECT id, title FROM notes) SELECT title "
        "FROM al WHERE title <> 'x' AND :account_id > 0",
        {},
        "text[]",
    ),
    "a CTE named like the table": (
        f"WITH notes AS (SELECT * FROM main.notes WHERE {A} OR state = 'closed') SELECT title FROM notes",
        {},
        "text[]",
    ),
    "a union with what is not guarded": (
        f"SELECT title FROM notes WHERE {A} UNION SELECT title FROM notes WHERE title = 'faq'",
        {},
        "text[]",
    ),
    "a union with another table": (
        f"SELECT title FROM notes WHERE {A} UNION ALL SELECT name FROM tags WHERE pinned",
        {},
        "text[]",
    ),
    "an exception of what others have": (
        f"SELECT title FROM notes WHERE {A} EXCEPT SELECT title FROM notes WHERE state = 'closed'",
        {},
        "text[]",
    ),
    "or a flag": (f"SELECT name FROM tags WHERE {A} OR pinned", {}, "text[]"),
    "or no flag": (f"SELECT name FROM tags WHERE {A} OR NOT pinned", {}, "text[]"),
    "a CASE as a condition": (
        f"SELECT title FROM notes WHERE CASE WHEN title = 'faq' THEN 1 ELSE {A} END",
        {},
        "text[]",
    ),
    "a CASE by values": (f"SELECT title FROM notes WHERE CASE title WHEN 'odd' THEN 1 ELSE {A} END", {}, "text[]"),
    "iif as a condition": (f"SELECT title FROM notes WHERE iif(title = 'faq', 1, {A})", {}, "text[]"),
    "a value of anybody where there is none": (
        f"SELECT coalesce((SELECT title FROM notes WHERE {A} LIMIT 1), (SELECT title FROM notes LIMIT 1)) AS t",
        {},
        "text?",
    ),
    "own rows first": (f"SELECT title FROM notes ORDER BY {A} DESC LIMIT 1", {}, "text?"),
    "in the order of all": (
        f"SELECT title FROM notes WHERE {A} ORDER BY (SELECT count(*) FROM notes AS n "
        "WHERE n.title = notes.title) , id LIMIT 1",
        {},
        "text?",
    ),
    "a rank among all": (
        f"SELECT r FROM (SELECT account_id, rank() OVER (ORDER BY stars, id) AS r FROM notes) WHERE {A}",
        {},
        "integer[]",
    ),
    "the row before among all": (
        "SELECT ifnull(p, '') AS p FROM (SELECT account_id, lag(title) OVER (ORDER BY id) AS p FROM notes) "
        f"WHERE {A}",
        {},
        "text[]",
    ),
    "a share of more": (
        f"SELECT account_id * 1.0 / count(*) OVER () AS r FROM notes WHERE {A} OR stars > 5",
        {},
        "real[]",
    ),
    "a group or a large one": (
        f"SELECT max(title) AS t FROM notes GROUP BY account_id HAVING {A} OR count(*) > 100",
        {},
        "text[]",
    ),
    "a filtered count": (f"SELECT count(*) FILTER (WHERE {A} OR title = 'x') AS n FROM notes", {}, "integer"),
    "a count of equal values": (
        f"SELECT (SELECT count(*) FROM notes AS o WHERE o.title = notes.title) AS n FROM notes WHERE {A}",
        {},
        "integer[]",
    ),
    "the largest below": (
        "SELECT ifnull((SELECT max(o.title) FROM notes AS o WHERE o.id < notes.id), '') AS n FROM notes "
        f"WHERE {A} AND stars > 2",
        {},
        "text[]",
    ),
    "what nobody else has": (
        f"SELECT title FROM notes WHERE {A} AND NOT EXISTS (SELECT 1 FROM notes AS o "
        "WHERE o.title = notes.title AND o.id <> notes.id)",
        {},
        "text[]",
    ),
    "a view or a title": (
        "SELECT title FROM public_notes WHERE account_id = :account_id OR title = 'x'",
        {},
        "text[]",
    ),
    "a view that leaks": ("SELECT title FROM leaky WHERE account_id = :account_id", {}, "text[]"),
    "a view that counts": ("SELECT n FROM own_counts WHERE account_id <> :account_id", {}, "integer[]"),
    "or nobody's": ("SELECT text FROM drafts WHERE account_id = :account_id OR account_id IS NULL", {}, "text[]"),
    "nobody's as one's own": (
        "SELECT text FROM drafts WHERE ifnull(account_id, :account_id) = :account_id",
        {},
        "text[]",
    ),
    "or a parameter that is given": (
        f"SELECT title FROM notes WHERE :all IS NOT NULL OR {A}",
        {"all": "text?"},
        "text[]",
    ),
    "or a parameter's value": (f"SELECT title FROM notes WHERE :mode = 'all' OR {A}", {"mode": "text"}, "text[]"),
    "or a parameter's number": (f"SELECT title FROM notes WHERE :mode = 3 OR {A}", {"mode": "integer"}, "text[]"),
    "a guard in an outer join": (
        "SELECT notes.title FROM notes LEFT JOIN accounts ON accounts.id = notes.account_id "
        "AND accounts.id = :account_id",
        {},
        "text[]",
    ),
    "a guard in a right join": (
        f"SELECT comments.body FROM notes RIGHT JOIN comments ON comments.note_id = notes.id AND notes.{A} "
        "WHERE comments.number > 3",
        {},
        "text[]",
    ),
    "a full join": (
        "SELECT ifnull(comments.body,'') AS b FROM notes FULL JOIN comments ON comments.note_id = notes.id "
        f"WHERE notes.{A} OR notes.id IS NULL OR comments.number = 5",
        {},
        "text[]",
    ),
    "an upsert by id": (
        "INSERT INTO notes (id, account_id, title) VALUES (:id, :account_id, 'x') "
        "ON CONFLICT (id) DO UPDATE SET title = excluded.title",
        {"id": "integer"},
        "changes",
    ),
    "an upsert with half a guard": (
        "INSERT INTO notes (id, account_id, title) VALUES (:id, :account_id, 'x') "
        f"ON CONFLICT (id) DO UPDATE SET title = excluded.title WHERE notes.{A} OR notes.state = 'closed'",
        {"id": "integer"},
        "changes",
    ),
    "a replacement by id": (
        "INSERT OR REPLACE INTO notes (id, account_id, title) VALUES (:id, :account_id, 'x')",
        {"id": "integer"},
        "changes",
    ),
    "an insertion of more": (
        "INSERT INTO tags (account_id, name) SELECT :account_id, title FROM notes "
        f"WHERE {A} OR title = 'starter' ON CONFLICT DO NOTHING",
        {},
        "changes",
    ),
    "an insertion under another's tag": (
        "INSERT INTO taggings (note_id, tag_id) SELECT notes.id, :tag_id FROM notes "
        f"WHERE {A} ON CONFLICT DO NOTHING",
        {"tag_id": "integer"},
        "changes",
    ),
    "an insertion under another's note": (
        f"INSERT INTO taggings (note_id, tag_id) SELECT :note_id, tags.id FROM tags WHERE {A} ON CONFLICT DO NOTHING",
        {"note_id": "integer"},
        "changes",
    ),
    "an update of what joins": (
        f"UPDATE notes SET title = tags.name FROM tags WHERE tags.{A} AND notes.stars = tags.pinned",
        {},
        "changes",
    ),
    "an update from what joins": (
        f"UPDATE notes SET title = tags.name FROM tags WHERE notes.{A} AND tags.name LIKE 'x%'",
        {},
        "changes",
    ),
    "a deletion of more": (f"DELETE FROM notes WHERE {A} OR body = 'spam' RETURNING title", {}, "text[]"),
    "a deletion under more": (
        f"DELETE FROM comments WHERE note_id IN (SELECT id FROM notes WHERE {A} OR title = 'x')",
        {},
        "changes",
    ),
    "a value of anybody": (
        f"UPDATE notes SET body = (SELECT max(body) FROM comments WHERE number = 3) WHERE {A}",
        {},
        "changes",
    ),
    "a second statement by id": (
        [
            f"UPDATE notes SET state = 'closed' WHERE {A} AND id = :id",
            "DELETE FROM comments WHERE note_id = :id AND :account_id > 0",
        ],
        {"id": "integer"},
        "changes",
    ),
    "a second statement by what the first wrote": (
        [
            f"UPDATE notes SET title = 'mine' WHERE {A}",
            "UPDATE notes SET body = 'x' WHERE title = 'mine' AND :account_id > 0",
        ],
        {},
        "changes",
    ),
    "a row value that is larger": (
        "SELECT title FROM notes WHERE (account_id, state) >= (:account_id, 'a')",
        {},
        "text[]",
    ),
    "as many as others have": (
        f"SELECT title FROM notes WHERE {A} ORDER BY id LIMIT (SELECT count(*) FROM tags)",
        {},
        "text[]",
    ),
    "a range of accounts": (
        "SELECT title FROM notes WHERE account_id BETWEEN :account_id AND :account_id + 1",
        {},
        "text[]",
    ),
    "accounts nearby": ("SELECT title FROM notes WHERE abs(account_id - :account_id) <= 10", {}, "text[]"),
    "a text of more": (f"SELECT group_concat(title) AS t FROM notes WHERE {A} OR stars = 5.0", {}, "text?"),
    "whether another has it": (
        "SELECT EXISTS (SELECT 1 FROM notes WHERE title = :t AND account_id <> :account_id) AS e",
        {"t": "text"},
        "integer",
    ),
    "a recursion by values": (
        "WITH RECURSIVE up (id, text, parent_id) AS (SELECT id, text, parent_id FROM drafts "
        f"WHERE {A} UNION SELECT d.id, d.text, d.parent_id FROM drafts d, up "
        "WHERE d.text = up.text) SELECT text FROM up",
        {},
        "text[]",
    ),
    "or a list of ids": (
        f"SELECT title FROM notes WHERE {A} OR id IN (SELECT value FROM json_each(:ids))",
        {"ids": "integer[]"},
        "text[]",
    ),
    "a join by the wrong name": (f"SELECT comments.body FROM comments JOIN notes USING (id) WHERE {A}", {}, "text[]"),
    "a natural join": (f"SELECT comments.body FROM comments NATURAL JOIN notes WHERE {A}", {}, "text[]"),
    "the account of a subquery": (
        "SELECT title FROM notes WHERE account_id = (SELECT max(account_id) FROM notes WHERE :account_id > 0)",
        {},
        "text[]",
    ),
    "accounts of a subquery": (
        "SELECT title FROM notes WHERE account_id IN (SELECT id FROM accounts "
        "WHERE id = :account_id OR label = 'demo')",
        {},
        "text[]",
    ),
    "one or the other": (f"SELECT title FROM notes WHERE ({A}) <> (title = 'faq')", {}, "text[]"),
    "or a title, as a truth": (f"SELECT title FROM notes WHERE (({A}) OR title = 'faq') IS TRUE", {}, "text[]"),
    "or as a sum": (f"SELECT title FROM notes WHERE ({A}) + (title = 'faq')", {}, "text[]"),
    "or as a maximum": (f"SELECT title FROM notes WHERE max({A}, title = 'faq')", {}, "text[]"),
    "or as bits": (f"SELECT title FROM notes WHERE ({A}) | (title = 'faq')", {}, "text[]"),
    "or as a null": (
        "SELECT title FROM notes WHERE account_id = ifnull(nullif(account_id, :account_id * (title <> 'faq')), "
        ":account_id)",
        {},
        "text[]",
    ),
    "an account that depends on the title": (
        "SELECT title FROM notes WHERE account_id = iif(title = 'faq', account_id, :account_id)",
        {},
        "text[]",
    ),
    "a subquery where a number is large": (
        f"SELECT CASE WHEN stars > 1000 THEN (SELECT max(title) FROM notes) ELSE title END AS t FROM notes WHERE {A}",
        {},
        "text[]",
    ),
    "a list of more": (f"SELECT json_group_array(title) AS t FROM notes WHERE {A} OR title > 'zz'", {}, "text[]"),
    "an id that another may have": (
        "INSERT INTO notes (id, account_id, title) VALUES (:id, :account_id, 'x') "
        f"ON CONFLICT (id) DO UPDATE SET title = excluded.title WHERE notes.{A}",
        {"id": "integer"},
        "changes",
    ),
}

CAREFUL: dict[str, tuple[str | list[str], dict[str, str], str | None]] = {
    "a counted CTE": (
        f"WITH RECURSIVE n (i) AS (SELECT count(*) FROM notes WHERE {A} UNION ALL SELECT i - 1 FROM n WHERE i > 0) "
        "SELECT count(*) AS rows_found FROM n",
        {},
        "integer",
    ),
    "a row by id": (
        "SELECT title FROM notes WHERE id = :id AND account_id = :account_id",
        {"id": "integer"},
        "text?",
    ),
    "a count": ("SELECT count(*) AS number FROM notes WHERE account_id = :account_id", {}, "integer"),
    "an insertion": (
        "INSERT INTO notes (account_id, title) SELECT id, :title FROM accounts WHERE id = :account_id RETURNING id",
        {"title": "text"},
        "integer?",
    ),
    "an insertion under an own parent": (
        f"INSERT INTO comments (note_id, number, body) SELECT id, :number, 'x' FROM ({NOTES}) WHERE id = :id "
        "ON CONFLICT DO NOTHING",
        {"id": "integer", "number": "integer"},
        "changes",
    ),
    "a deletion that cascades": ("DELETE FROM notes WHERE account_id = :account_id", {}, "changes"),
    "the time of day": (
        "UPDATE notes SET body = datetime('now') || random() WHERE account_id = :account_id RETURNING body",
        {},
        "text?",
    ),
    "a search": (
        f"SELECT id FROM notes WHERE {A} AND (title LIKE :word OR title = :word)",
        {"word": "text"},
        "integer[]",
    ),
    "an insertion with a guard": (
        "INSERT INTO comments (note_id, number, body) SELECT :note_id, 1, 'x' "
        f"WHERE EXISTS (SELECT 1 FROM notes WHERE id = :note_id AND {A}) ON CONFLICT DO NOTHING",
        {"note_id": "integer"},
        "changes",
    ),
    "an insertion with a guard or a null": (
        "INSERT INTO drafts (account_id, text, parent_id) SELECT :account_id, 'x', :parent_id "
        f"WHERE :parent_id IS NULL OR EXISTS (SELECT 1 FROM drafts WHERE id = :parent_id AND {A})",
        {"parent_id": "integer?"},
        "changes",
    ),
    "an insertion between two tables": (
        "INSERT INTO taggings (note_id, tag_id) SELECT notes.id, tags.id FROM notes, tags "
        f"WHERE notes.id = :note_id AND tags.id = :tag_id AND notes.{A} "
        "AND tags.account_id = notes.account_id ON CONFLICT DO NOTHING",
        {"note_id": "integer", "tag_id": "integer"},
        "changes",
    ),
    "an upsert": (
        "INSERT INTO tags (account_id, name) SELECT id, :name FROM accounts "
        "WHERE id = :account_id ON CONFLICT (account_id, name) DO UPDATE SET pinned = 1",
        {"name": "text"},
        "changes",
    ),
    "a view": ("SELECT title FROM public_notes WHERE account_id = :account_id", {}, "text[]"),
    "a view that counts": ("SELECT n FROM own_counts WHERE account_id = :account_id", {}, "integer[]"),
    "a rank": (
        f"SELECT rank() OVER (PARTITION BY account_id ORDER BY stars, id) AS r FROM notes WHERE {A}",
        {},
        "integer[]",
    ),
    "a rank inside": (
        "SELECT r FROM (SELECT account_id, rank() OVER (PARTITION BY account_id ORDER BY stars, id) AS r "
        f"FROM notes) WHERE {A}",
        {},
        "integer[]",
    ),
    "an optional filter": (
        f"SELECT title FROM notes WHERE {A} AND (:state IS NULL OR state = :state) AND stars BETWEEN :low AND :high",
        {"state": "text?", "low": "real", "high": "real"},
        "text[]",
    ),
    "an exception": (
        f"SELECT title FROM notes WHERE {A} EXCEPT SELECT title FROM notes WHERE {A} AND state = 'closed'",
        {},
        "text[]",
    ),
    "a CTE": (
        "WITH own AS (SELECT id, title FROM notes "
        f"WHERE {A}) SELECT c.body FROM comments c JOIN own ON own.id = c.note_id",
        {},
        "text[]",
    ),
    "a recursion": (
        "WITH RECURSIVE up (id, text, parent_id) AS (SELECT id, text, parent_id FROM drafts "
        f"WHERE {A} AND id = :id UNION SELECT d.id, d.text, d.parent_id "
        f"FROM drafts d JOIN up ON d.id = up.parent_id AND d.{A}) SELECT text FROM up",
        {"id": "integer"},
        "text[]",
    ),
    "a shared table": (
        "SELECT plans.price FROM plans JOIN accounts ON accounts.label = plans.name WHERE accounts.id = :account_id",
        {},
        "real[]",
    ),
    "an update from a table": (
        f"UPDATE notes SET title = tags.name FROM tags WHERE notes.{A} AND tags.{A} AND tags.id = :tag_id",
        {"tag_id": "integer"},
        "changes",
    ),
    "a nullable owner": ("SELECT text FROM drafts WHERE account_id = :account_id", {}, "text[]"),
    "a deletion by ids": (
        f"DELETE FROM notes WHERE id IN (SELECT value FROM json_each(:ids)) AND {A}",
        {"ids": "integer[]"},
        "changes",
    ),
    "pairs": (
        f"SELECT title FROM notes WHERE (account_id, title) IN (SELECT account_id, name FROM tags WHERE {A})",
        {},
        "text[]",
    ),
    "a CASE in the result": (
        f"SELECT CASE state WHEN 'open' THEN title ELSE '' END AS t FROM notes WHERE {A}",
        {},
        "text[]",
    ),
    "under the row that was inserted": (
        [
            "INSERT INTO notes (account_id, title) SELECT id, :t FROM accounts WHERE id = :account_id",
            "INSERT INTO comments (note_id, number, body) SELECT id, 1, 'x' FROM notes "
            f"WHERE id = last_insert_rowid() AND {A}",
        ],
        {"t": "text"},
        "changes",
    ),
    "an insertion of a list": (
        "INSERT INTO comments (note_id, number, body) SELECT notes.id, value ->> '$.number', 'x' "
        f"FROM json_each(:items) JOIN notes ON notes.id = value ->> '$.noteId' WHERE {A} ON CONFLICT DO NOTHING",
        {"items": "Item[]"},
        "changes",
    ),
    "a join with itself": (
        f"SELECT b.title FROM notes a JOIN notes b ON b.title = a.title AND b.account_id = a.account_id WHERE a.{A}",
        {},
        "text[]",
    ),
    "the newest": (f"SELECT title FROM notes WHERE id = (SELECT max(id) FROM notes WHERE {A})", {}, "text?"),
}


def add_tables(spec: SpecFolder) -> None:
    """Add what the statements name to the small spec."""
    spec.migrations["0002_more.sql"] = TABLES
    spec.database["shared_tables"] = {"plans": "The same prices for all.", "log": "Everybody writes, nobody reads."}
    spec.database["records"] = {"Item": {"fields": {"note_id": "integer", "number": "integer"}}}
