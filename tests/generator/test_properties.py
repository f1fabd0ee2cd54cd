"""Properties: valid specs, whatever they hold, generate code that compiles; no invalid spec gives a traceback."""

import datetime
import random
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from generator.checks import check_spec
from generator.diagnostics import SpecError
from generator.output.plan import plan
from generator.spec.load import load_spec
from tests.generator.random_specs import apply, specs
from tests.generator.spec_folder import TEMPLATES, SpecFolder, rendered

PROJECT = Path(__file__).parents[2]
LOCAL = PROJECT / "generated" / "local"
# What the generated TypeScript imports of the hand-written.
SUPPORT = ("sql-methods.ts", "errors.ts", "sqlite-failure.ts")
# In the order in which they import each other.
MODULES = (
    "entities",
    "models",
    "messages",
    "phases",
    "settings",
    "queries",
    "database",
    "sql_database",
    "writes",
)
FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

pytestmark = pytest.mark.slow


def test_random_valid_specs_compile_in_both_languages(tmp_path: Path) -> None:
    made: list[Path] = []

    @settings(FIXED, max_examples=10)
    @given(specs())
    def write(drawn: dict[str, Any]) -> None:
        spec = SpecFolder(tmp_path / f"spec{len(made)}")
        if made:
            # The first one stays small: it has no writes and no variables.
            apply(spec, drawn)
        output = spec.generate()
        import_python(output)
        folder = spec.project / "src"
        (folder / "spec").mkdir(parents=True)
        for path, text in output.items():
            if path.startswith("local/src/"):
                (spec.project / path.removeprefix("local/")).write_text(text)
        for name in SUPPORT:
            shutil.copy(TEMPLATES / "local" / "src" / name, folder)
        made.append(spec.project)

    write()
    assert len(made) == 10
    (tmp_path / "node_modules").symlink_to(LOCAL / "node_modules")
    for name in ("tsconfig.json", "biome.json"):
        shutil.copy(TEMPLATES / "local" / name, tmp_path)
    text = (tmp_path / "tsconfig.json").read_text()
    (tmp_path / "tsconfig.json").write_text(text.replace('"src"', '"spec*/src"'))
    run("tsc", "--noEmit", "--project", "tsconfig.json", cwd=tmp_path)
    run("biome", "format", *(f"{project.name}/src" for project in made), cwd=tmp_path)


def run(tool: str, *arguments: str, cwd: Path) -> None:
    """Run a tool of the local host's project."""
    program = LOCAL / "node_modules" / ".bin" / tool
    assert program.exists(), "run `make setup` first"
    bun = PROJECT / ".tools" / "node_modules" / ".bin" / "bun"
    done = subprocess.run([bun, program, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def import_python(output: dict[str, str]) -> None:
    """Compile every generated Python file, and import those that the spec decides on."""
    for path, text in output.items():
        if path.endswith(".py"):
            compile(text, path, "exec", dont_inherit=True)
    before = {name: sys.modules.get(f"ossgard.spec.{name}") for name in MODULES}
    import ossgard.spec

    attributes = dict(vars(ossgard.spec))
    try:
        for name in MODULES:
            source = output.get(f"worker/src/ossgard/spec/{name}.py")
            if source is not None:
                module = types.ModuleType(f"ossgard.spec.{name}")
                sys.modules[module.__name__] = module
                setattr(ossgard.spec, name, module)
                exec(compile(source, f"{name}.py", "exec", dont_inherit=True), vars(module))
    finally:
        for name, module_ in before.items():
            sys.modules.pop(f"ossgard.spec.{name}", None)
            if module_ is not None:
                sys.modules[f"ossgard.spec.{name}"] = module_
        vars(ossgard.spec).clear()
        vars(ossgard.spec).update(attributes)


# ---- invalid specs

RENDERED = rendered()

VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        10**400,
        "",
        "text",
        "text?",
        "text[]?",
        "Account",
        "Acount",
        "none",
        "json",
    ),
    *(
        "changes",
        "é",
        "a b",
        "__class__",
        "constructor",
        "\x00",
        "\u2028",
        "\ud800",
        "SELECT 1",
        "DELETE FROM accounts",
    ),
    *(":x", "/{a}/{a}", "{", "2026-02-30", datetime.date(2026, 1, 1), b"bytes", [], {}, [[]], [None], ["text"]),
    *({"type": "text"}, {"patch": {}}, {"a": {"b": {"c": []}}}, {1: 2}, {None: 1}, ["SELECT 1 AS id", "SELECT 2"]),
]
GARBAGE = [
    *(b"\xff\xfe", b"\x00", b"\t", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!python/object:os.system ", b"!!binary "),
    *(b"!!int ", b"!!timestamp ", b"!!bool ", b"!!float ", b"!x ", b"<<: ", b"? ", b"| ", b"> ", b"---\n", b"...\n"),
    *(b"%YAML 9\n", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85", b"@", b"`", b"'", b'"', b"#", b":", b"- ", b"= "),
    *(b"0x" + b"f" * 9000, b"9" * 9000, b"\r"),
]


def judge(folder: Path) -> None:
    """A spec is generated from, or refused with findings that have a place; nothing else may come out."""
    try:
        loaded = load_spec(folder)
        check_spec(loaded, TEMPLATES)
    except SpecError as error:
        refused = error.diagnostics
        assert refused
    else:
        refused = []
        for path, content in plan(loaded.spec, TEMPLATES).items():
            if path in RENDERED and path.endswith(".py"):
                compile(content, path, "exec", dont_inherit=True)
    for finding in refused:
        assert finding.message
        assert finding.position.file.startswith("spec/")
        assert finding.position.line >= 1
        assert finding.position.column >= 1
        str(finding).encode()


RENDERED = {
    path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.j2") if "node_modules" not in path.parts
}


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree of lists and dicts."""
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in children for place in places(value, (*path, key)))]


def rich(project: Path) -> SpecFolder:
    """A spec that uses every feature."""
    spec = SpecFolder(project)
    drawn = specs()
    holder: list[dict[str, Any]] = []

    @settings(FIXED, max_examples=12)
    @given(drawn)
    def keep(value: dict[str, Any]) -> None:
        holder.append(value)

    keep()
    apply(spec, max(holder, key=lambda value: len(str(value["methods"]))))
    return spec


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a rich spec, by path."""
    folder = rich(tmp_path_factory.mktemp("rich")).write()
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def write_texts(folder: Path, texts: dict[str, bytes]) -> Path:
    for name, content in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_replaced_and_deleted_values_are_refused_or_generated(tmp_path: Path, texts: dict[str, bytes]) -> None:
    folder = write_texts(tmp_path / "spec", texts)
    names = ["database.yaml", "routes.yaml", "jobs.yaml", "bindings.yaml"]

    @settings(FIXED, max_examples=100)
    @given(
        st.sampled_from(names),
        st.integers(0, 2**32),
        st.sampled_from(["replace", "delete", "rename"]),
        st.sampled_from(VALUES),
    )
    def mutate(name: str, seed: int, how: str, value: Any) -> None:
        data = yaml.safe_load(texts[name])
        place = random.Random(seed).choice(places(data))
        target = data
        for key in place[:-1]:
            target = target[key]
        if not place:
            data = value
        elif how == "delete":
            del target[place[-1]]
        elif how == "rename" and isinstance(target, dict) and not isinstance(value, dict | list):
            target[value] = target.pop(place[-1])
        else:
            target[place[-1]] = value
        path = folder / name
        path.write_bytes(yaml.dump(data, allow_unicode=False, sort_keys=False).encode(errors="surrogatepass"))
        try:
            judge(folder)
        finally:
            path.write_bytes(texts[name])

    mutate()


def test_garbage_in_files_is_refused_or_generated(tmp_path: Path, texts: dict[str, bytes]) -> None:
    folder = write_texts(tmp_path / "spec", texts)

    @settings(FIXED, max_examples=100)
    @given(st.sampled_from(sorted(texts)), st.integers(0, 2**32), st.sampled_from(GARBAGE), st.integers(0, 40))
    def mutate(name: str, seed: int, garbage: bytes, cut: int) -> None:
        content = texts[name]
        at = random.Random(seed).randrange(len(content))
        path = folder / name
        path.write_bytes(content[:at] + garbage + content[at + cut :])
        try:
            judge(folder)
        finally:
            path.write_bytes(content)

    mutate()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "null\n",
        "[]\n",
        "just text\n",
        "[" * 5000,
        "a: " * 3000,
        "- " * 5000,
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(8)),
        "methods: {? [a, b] : c}\n",
        "methods: {2026-01-01: {}}\n",
        "methods:\n  2026-01-01 10:00:00: {}\n",
        "entities: !!set {a, b}\n",
        "a: 1\n---\nb: 2\n",
        "a: 1\na: 2\n",
        "\tmethods: {}\n",
    ],
    ids=range(18),
)
def test_odd_yaml_is_refused_with_a_place(tmp_path: Path, texts: dict[str, bytes], text: str) -> None:
    folder = write_texts(tmp_path / "spec", {**texts, "database.yaml": text.encode()})
    with pytest.raises(SpecError) as caught:
        load_spec(folder)
    assert all(finding.position.file == "spec/database.yaml" for finding in caught.value.diagnostics)
    judge(folder)


def test_missing_and_misplaced_files_are_refused(tmp_path: Path, texts: dict[str, bytes]) -> None:
    for name in texts:
        folder = write_texts(tmp_path / name.replace("/", "-") / "spec", texts)
        (folder / name).unlink()
        judge(folder)
        (folder / name).mkdir()
        judge(folder)
    judge(tmp_path / "nowhere" / "spec")


@pytest.mark.parametrize("text", ["[" * 100_000, "[1,[2], " * 50_000, "- " * 100_000, "? " * 100_000, "{a: " * 50_000])
def test_bottomless_yaml_is_refused(tmp_path: Path, texts: dict[str, bytes], text: str) -> None:
    """These would overrun the stack of the C parser."""
    judge(write_texts(tmp_path / "spec", {**texts, "routes.yaml": text.encode()}))
