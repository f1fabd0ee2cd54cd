"""`make quality [CORPUS=folder]`: how well, and how dearly, three scans find the duplicates of labelled pull requests.

The phases, the database and the providers' protocols are the real ones, on CPython; the model answers by the labels and
errs by seed. First all but a few, then nothing changed, then 5 % edited and 3 % new.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.table import print_table
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.text_vectors import Matrix, embed
from tests.outside.world import World, world
from tests.quality.labels import Corpus, Labels, Pair, compare, read_corpus
from tests.quality.oracle import Oracle
from tests.quality.synthetic import PLAN, add_traps

SEED = 1
EDITED, NEW = 0.05, 0.03
# How near a title stays to itself when it is edited.
EDITED_COSINE = 0.97

# Dollars for a million: prompt tokens, answer tokens, embedded tokens, dimensions that a vector search reads.
PROMPT, ANSWER, EMBEDDED, SEARCHED = 0.15, 0.60, 0.02, 0.01
DIMENSIONS = 1536


@dataclass(frozen=True)
class Case:
    """A repository whose pull requests are labelled, on a running world whose model knows the labels."""

    outside: World
    repository: Repository
    labels: Labels
    oracle: Oracle
    late: Sequence[tuple[str, list[ChangedFile]]] = ()


@contextmanager
def synthetic() -> Iterator[Case]:
    """The made-up repository with its traps."""
    oracle = Oracle(Labels([]), [], SEED)
    with world(PLAN, oracle) as outside:
        labels = add_traps(outside.repository)
        oracle.learn(labels, outside.repository.pulls)
        yield Case(outside, outside.repository, labels, oracle)


@contextmanager
def labelled(corpus: Corpus) -> Iterator[Case]:
    """A repository of the corpus's titles: no descriptions, files that say nothing, and the corpus's vectors."""
    rng = random.Random(SEED)
    # The last ones come late, so that numbers stay in order.
    old = sorted(corpus.titles)
    place = {number: position for position, number in enumerate(old, 1)}
    labels = Labels(
        [{place[one] for one in group} for group in corpus.labels.groups],
        {(place[one], place[other]) for one, other in corpus.labels.pairs},
        {(place[one], place[other]) for one, other in corpus.labels.related},
    )
    oracle = Oracle(labels, range(1, len(old) + 1), SEED)
    vectors = {corpus.titles[number]: corpus.vectors[number] for number in old}

    def look_up(texts: Sequence[str], dimensions: int) -> Matrix:
        found = embed(texts, dimensions)
        for row, text in enumerate(texts):
            title, edited, _ = text.partition("\n")[0].partition(" (edited)")
            vector = vectors.get(title)
            if vector is not None:
                found[row] = 0
                found[row, : len(vector)] = vector if not edited else _moved(vector, rng)
        return found

    with world(Plan(prs=0, odd=False), oracle) as outside:
        outside.openai.embed = look_up
        repository = outside.repository
        changes = [(corpus.titles[number], [ChangedFile(f"{rng.random()}.txt", f"{number}", 1, 0)]) for number in old]
        first = len(changes) - round(NEW * len(changes))
        for title, files in changes[:first]:
            repository.open(title, None, files)
        yield Case(outside, repository, labels, oracle, changes[first:])


def _moved(vector: Matrix, rng: random.Random) -> Matrix:
    """A unit vector near to another one."""
    noise = np.random.default_rng(rng.randrange(2**32)).standard_normal(len(vector))
    noise -= (noise @ vector) * vector
    moved: Matrix = EDITED_COSINE * vector + (1 - EDITED_COSINE**2) ** 0.5 * noise / np.linalg.norm(noise)
    return moved


def measure(title: str, case: Case) -> None:
    """Scan three times, and print what came of it."""
    scanning = Scanning(case.outside, case.repository)
    rng = random.Random(SEED)
    rows = [_scan("first scan", case, scanning), _scan("nothing changed", case, scanning)]
    for number in rng.sample(sorted(case.repository.open_numbers), round(EDITED * len(case.repository.open_numbers))):
        case.repository.update(number, title=f"{case.repository.pulls[number].title} (edited)")
    for words, files in case.late:
        case.repository.open(words, None, files)
    rows.append(_scan("5 % edited, 3 % new" if case.late else "5 % edited", case, scanning))
    header = [
        *("scan", "PRs", "pairs/PR", "recall", "asked", "recall of asked", "questions/PR", "tokens/PR", "embedded"),
        *("searches", "precision", "recall", "F1", "B-cubed F1", "largest", "$"),
    ]
    print_table(title, header, rows)


def _scan(name: str, case: Case, scanning: Scanning) -> list[str]:
    case.oracle.forget()
    case.outside.reset()
    before = dict(scanning.vectors.calls)
    scan = scanning.scan_all()
    if scan["status"] != "done":
        sys.exit(f"{name}: {scan['error']}")
    present = case.repository.open_numbers
    numbers = {id: number for id, number in scanning.rows("SELECT id, number FROM prs")}
    found = scanning.rows("SELECT pr_id, other_id FROM candidate_pairs")
    candidates: set[Pair] = {(min(a, b), max(a, b)) for a, b in ((numbers[one], numbers[two]) for one, two in found)}
    true = case.labels.true_pairs(present)
    rows = scanning.rows(f"""
        SELECT group_id, pr_id FROM dupe_group_members JOIN dupe_groups ON dupe_groups.id = group_id
        WHERE scan_id = {scan['id']}
        """)
    groups: dict[int, list[int]] = {}
    for group, pr_id in rows:
        groups.setdefault(group, []).append(numbers[pr_id])
    quality = compare(case.labels, present, list(groups.values()))
    searches = sum(scanning.vectors.calls.get(one, 0) - before.get(one, 0) for one in ("search", "search_by_id"))
    prompt, answer = sum(case.oracle.prompt_tokens.values()), sum(case.oracle.answer_tokens.values())
    dollars = (
        prompt * PROMPT
        + answer * ANSWER
        + scan["embedding_tokens"] * EMBEDDED
        # What is searched in is read, too, once an hour at most: it does not matter beside the searches.
        + searches * DIMENSIONS * SEARCHED
    ) / 1e6
    return [
        name,
        f"{len(present):,}",
        f"{len(candidates) / len(present):.2f}",
        f"{len(candidates & true) / max(1, len(true)):.3f}",
        f"{len(case.oracle.asked):,}",
        f"{len(case.oracle.asked & true) / max(1, len(true)):.3f}",
        f"{sum(case.oracle.questions.values()) / len(present):.3f}",
        f"{prompt / len(present):.0f}",
        f"{case.outside.count('openai.embeddings').inputs:,}",
        f"{searches:,}",
        f"{quality.precision:.3f}",
        f"{quality.recall:.3f}",
        f"{quality.f1:.3f}",
        f"{quality.b_cubed:.3f}",
        f"{max(map(len, groups.values()), default=0)}",
        f"{dollars:.3f}",
    ]


def main(arguments: Sequence[str]) -> None:
    """Measure over the made-up repository, and over the corpus in a folder when one is named."""
    with synthetic() as case:
        measure(
            "Made-up repository: templates, backports, stacks, drafts, bumps, a revert, translations, look-alikes", case
        )
    for folder in arguments:
        with labelled(read_corpus(Path(folder))) as case:
            measure(f"Corpus in {Path(folder).name}", case)


if __name__ == "__main__":
    main(sys.argv[1:])
