"""Sees from inside a process what it does to the system: programs it starts, files it writes elsewhere, connections."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
# Asked by libraries what machine this is.
_HARMLESS_PROGRAMS = ("uname", "ldconfig", "lsb_release")
# Never wanted from a file that somebody else wrote.
_CODE_MODULES = ("os", "posix", "nt", "subprocess", "sys", "shutil", "pty", "runpy", "importlib")
_CODE_NAMES = ("eval", "exec", "compile", "getattr", "__import__", "open", "input", "breakpoint", "apply", "execfile")


def watch(root: Path, allowed: tuple[str, ...], note: Callable[[str], None]) -> None:
    """Note from now on what this process does outside a folder; it cannot be undone.

    Args:
        root: the folder.
        allowed: beginnings of other paths it may write to.
        note: told a line for everything else.
    """
    places = (f"{root}{os.sep}", "/dev/", "/proc/", *allowed)

    def outside(path: Any) -> str | None:
        if isinstance(path, int) or path is None:
            return None
        try:
            text = os.path.abspath(os.fsdecode(path))
        except (TypeError, ValueError, OSError):
            return None
        if f"{text}{os.sep}".startswith(places) or "__pycache__" in text:
            return None
        return text

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(flags, int) and flags & _WRITING) or (
                isinstance(mode, str) and set(mode) & set("wax+")
            )
            if writes and (text := outside(path)):
                note(f"writes {text}")
        elif event in _CHANGES:
            for path in arguments[:2]:
                if isinstance(path, str | bytes | os.PathLike) and (text := outside(path)):
                    note(f"writes {text} ({event})")
        elif event in _STARTS:
            program = _program(event, arguments)
            if program != sys.executable and Path(program).name not in _HARMLESS_PROGRAMS:
                note(f"starts {program}")
        elif event == "pickle.find_class" and _is_code(*map(str, arguments[:2])):
            note(f"unpickles {arguments[0]}.{arguments[1]}")
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            note(f"connects to {arguments[1][0]}")

    sys.addaudithook(hook)


def _is_code(module: str, name: str) -> bool:
    top = module.partition(".")[0]
    return top in _CODE_MODULES or (top in ("builtins", "__builtin__") and name in _CODE_NAMES)


def _program(event: str, arguments: tuple[Any, ...]) -> str:
    if event == "os.system":
        return os.fsdecode(arguments[0])
    if event == "os.spawn":
        return os.fsdecode(arguments[1])
    return os.fsdecode(arguments[0])
