"""The Python half of the shim: imports the Worker under the rules of Cloudflare's runtime, and calls its classes."""

import inspect
import random
import sys
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import Any

from _cloudflare import import_patch_manager
from _cloudflare.allow_entropy import refuse_entropy
from pyodide.ffi import JsProxy

# The number of the invocation that a task belongs to; the tasks that it starts inherit it.
_invocation: ContextVar[int] = ContextVar("invocation", default=0)


class ModuleLevelJavaScriptError(RuntimeError):
    """A module keeps a JavaScript object, which the snapshot of a deployed Worker cannot hold."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(f"{module}.{name} is a JavaScript object at module level. Import or make it inside a function")


def load_entry(name: str, folder: str) -> ModuleType:
    """Import the Worker's main module.

    Raises:
        ImportTimeEntropyError: a module asks for randomness.
        ModuleLevelJavaScriptError: a module below the folder keeps a JavaScript object.
    """
    import_patch_manager.install()
    # What the SDK's .pth file would do in the real runtime, whose start-up comes after the stand-in's modules exist.
    import_module("_workers_sdk_patch_loader")
    with refuse_entropy():
        entry = import_module(name)
    _check_globals(folder)
    return entry


def before_first_event() -> None:
    """Give `random` a seed, which it could not have at import time."""
    random.seed()
    import_patch_manager.run_before_first_request()


def rpc_methods(target: type) -> list[str]:
    """The names of the public async methods of a Durable Object class that are not handlers of the platform."""
    handlers = {"fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"}
    members = inspect.getmembers(target, inspect.iscoroutinefunction)
    return [name for name, _ in members if not name.startswith("_") and name not in handlers]


def current_invocation() -> int:
    """The number of the invocation in which this is called, 0 outside of any."""
    return _invocation.get()


async def call_handler(invocation: int, target: Any, name: str, *arguments: Any) -> Any:
    """Call a handler in an invocation."""
    _invocation.set(invocation)
    result = getattr(target, name)(*arguments)
    return await result if inspect.isawaitable(result) else result


async def call_rpc(invocation: int, target: Any, name: str, *arguments: Any) -> Any:
    """Call a method as a Durable Object's stub does, values converted on both sides."""
    from workers import python_from_rpc, python_to_rpc

    _invocation.set(invocation)
    return python_to_rpc(await getattr(target, name)(*map(python_from_rpc, arguments)))


def _check_globals(folder: str) -> None:
    modules = list(sys.modules.items())
    shared = {id(module) for _, module in modules}
    for name, module in modules:
        path = getattr(module, "__file__", None) or ""
        if not path.startswith(f"{folder}/") or path.startswith(f"{folder}/python_modules/"):
            continue
        for attribute, value in vars(module).items():
            if isinstance(value, JsProxy) and id(value) not in shared:
                raise ModuleLevelJavaScriptError(name, attribute)
