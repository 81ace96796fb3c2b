"""Options in groups: a command takes a few dataclasses, and the command line sees their fields as options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


def grouped(command: Callable[..., T]) -> Callable[..., T]:
    """Return a command whose parameters that are dataclasses of options are spread out for Typer.

    Args:
        command: keyword parameters are options of their own, or frozen dataclasses whose fields are ``Annotated`` with
            ``typer.Option`` and have defaults.

    Returns:
        The same command with one parameter for each option, in the order of the groups and of their fields.
    """
    hints = get_type_hints(command, include_extras=True)
    result = hints.pop("return", None)
    spread: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not (isinstance(kind, type) and is_dataclass(kind)):
            spread.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind))
            continue
        groups[name] = kind
        options = get_type_hints(kind, include_extras=True)
        spread += [
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=options[one.name]
            )
            for one in fields(kind)
        ]

    @functools.wraps(command)
    def flat(**values: Any) -> T:
        built = {
            name: kind(**{one.name: values.pop(one.name) for one in fields(kind)}) for name, kind in groups.items()
        }
        return command(**values, **built)

    signature = inspect.Signature(spread, return_annotation=result)
    flat.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
    flat.__annotations__ = {one.name: one.annotation for one in spread} | {"return": result}
    return flat
