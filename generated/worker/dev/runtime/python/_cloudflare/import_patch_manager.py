"""Patches around the import of single modules, as the SDK registers them.

An exec patch is a context manager around a module's code, a create patch one around the making of an extension module.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeVar

Patch = Callable[[Any], AbstractContextManager[None]]
P = TypeVar("P", bound=Callable[..., Any])

_create_patches: dict[str, Patch] = {}
_exec_patches: dict[str, Patch] = {}
_before_first_request: dict[str, Callable[[ModuleType], None]] = {}


def register_create_patch(name: str) -> Callable[[P], P]:
    """Decorates the patch for the making of a module."""
    return _register(_create_patches, name)


def register_exec_patch(name: str) -> Callable[[P], P]:
    """Decorates the patch for the running of a module's code."""
    return _register(_exec_patches, name)


def register_after_snapshot(name: str) -> Callable[[P], P]:
    """Decorates what is to run once a snapshot is loaded; there are none here."""
    return lambda function: function


def register_before_first_request(name: str) -> Callable[[P], P]:
    """Decorates what is to run before the first event, when the module was imported."""
    return _register(_before_first_request, name)


def run_before_first_request() -> None:
    """Run what was registered for the modules that are there."""
    for name, function in _before_first_request.items():
        if name in sys.modules:
            function(sys.modules[name])


def block_calls(module: ModuleType, *, allowlist: Collection[str] = ()) -> None:
    """Blocks nothing: the package patches that use it are for packages that are not installed here."""


def install() -> None:
    """Put the patches in effect for every import from now on."""
    sys.meta_path.insert(0, _PatchFinder())


def _register(patches: dict[str, Any], name: str) -> Callable[[P], P]:
    def register(function: P) -> P:
        patches[name] = function
        return function

    return register


class _PatchFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _create_patches and fullname not in _exec_patches:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchLoader(spec.loader)
        return spec


class _PatchLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        with _create_patches.get(spec.name, nullcontext)(spec):
            return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with _exec_patches.get(module.__name__, nullcontext)(module):
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
