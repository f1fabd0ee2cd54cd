"""Which room may import which: what lies below knows nothing of what lies above, and no imports go in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# From the ground up. A module belongs to the longest name that it begins with.
FLOORS = {
    "generated/worker/src/ossgard": (
        ("ossgard", "ossgard.spec"),
        ("ossgard.providers",),
        ("ossgard.pipeline",),
        ("ossgard.account_check", "ossgard.http"),
        ("ossgard.pipeline.batch",),
        ("ossgard.pipeline.phases",),
        ("ossgard.spec.processors",),
        ("ossgard.pipeline.runner",),
        # What polls wakes the runner.
        ("ossgard.pipeline.batch.polling", "ossgard.pipeline.batch.poll_table"),
        ("ossgard.routes",),
        ("ossgard.spec.api",),
        ("ossgard.app",),
    ),
    "generator": (
        ("generator.diagnostics", "generator.layout", "generator.record", "generator.version", "generator.write"),
        ("generator.findings",),
        ("generator.spec",),
        ("generator.trial.bounds", "generator.trial.d1", "generator.trial.tables"),
        ("generator.output",),
        ("generator.trial",),
        ("generator.checks",),
        ("generator",),
    ),
}

Graph = dict[str, set[str]]


def read_graph(package: Path) -> Graph:
    """What each module of a package imports of it, wherever in the module."""
    files = {_name(path, package): path for path in package.rglob("*.py")}
    graph: Graph = {}
    for name, path in files.items():
        imported = set(_imports(ast.parse(path.read_text())))
        # `from a.b import c` names the module a.b.c, or something in a.b.
        graph[name] = {one if one in files else one.rpartition(".")[0] for one in imported} & files.keys() - {name}
    return graph


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def circle(graph: Graph) -> list[str]:
    """Modules that import each other, the first one again at the end; none when there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        modules: list[str] = error.args[1]
        return modules
    return []


def arrows_upwards(graph: Graph, floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """The imports of what lies above."""
    floor_of = {room: number for number, rooms in enumerate(floors) for room in rooms}

    def floor(module: str) -> int:
        while module not in floor_of:
            module = module.rpartition(".")[0]
        return floor_of[module]

    every = ((module, other) for module, others in graph.items() for other in others)
    return sorted(f"{module} -> {other}" for module, other in every if floor(other) > floor(module))


@pytest.mark.parametrize("package", FLOORS)
def test_no_imports_go_in_a_circle(package: str) -> None:
    assert circle(read_graph(PROJECT / package)) == []


@pytest.mark.parametrize("package", FLOORS)
def test_nothing_imports_what_lies_above_it(package: str) -> None:
    graph = read_graph(PROJECT / package)
    assert len(graph) > 20
    assert arrows_upwards(graph, FLOORS[package]) == []


def test_circles_and_arrows_upwards_are_found(tmp_path: Path) -> None:
    for name, text in {
        "__init__": "",
        "low": "def f():\n    from house.high.roof import tiles",
        "middle": "import house.low",
        "high/__init__": "",
        "high/roof": "from house import middle\n",
    }.items():
        path = tmp_path / "house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = read_graph(tmp_path / "house")
    assert set(circle(graph)) == {"house.low", "house.middle", "house.high.roof"}
    assert arrows_upwards(graph, (("house",), ("house.high",))) == ["house.low -> house.high.roof"]
