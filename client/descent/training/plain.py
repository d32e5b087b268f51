"""Parameters and results of a training script as JSON: what argparse, dataclasses, enums, paths and NumPy give."""

import dataclasses
import math
from argparse import Namespace
from collections.abc import Mapping
from enum import Enum
from os import PathLike, fspath
from typing import Any

from descent.errors import InvalidInput, Problem
from descent.nodes import MAX_DEPTH, MAX_INTEGER, Path, path_text


def plain(value: Any, path: Path = ()) -> Any:
    """Return a value as JSON: mappings, lists, texts, numbers, booleans and None.

    Dataclasses and argparse's Namespace become mappings, tuples lists, enums their values, paths texts, and scalars of
    NumPy or PyTorch numbers. Raises InvalidInput with the path for anything else, and for what JSON cannot represent.
    """
    if len(path) > MAX_DEPTH:
        raise _invalid(path[:4], f"is nested deeper than {MAX_DEPTH} levels: flatten it")
    value = _unwrapped(value)
    if isinstance(value, Mapping):
        return {_key(key, path): plain(member, (*path, str(key))) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, (*path, position)) for position, item in enumerate(value)]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise _invalid(path, f"is {value}, beyond 2^53 - 1 and so not exact in JSON: give it as text")
        return int(value)
    if isinstance(value, float):
        return number(value, path)
    raise _invalid(path, f"is a {type(value).__name__}, which is not JSON: give it as text, number, list or mapping")


def number(value: Any, path: Path) -> float:
    """Return a finite number; raises InvalidInput with the path for anything else."""
    value = _unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(path, f"is {value!r:.60}, and a number is expected")
    if not math.isfinite(value):
        raise _invalid(path, f"is {value}: where nothing was measured, leave it out")
    return value


def _unwrapped(value: Any) -> Any:
    """Return what a dataclass, namespace, enum, path or scalar of NumPy or PyTorch stands for."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Namespace):
        return vars(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, PathLike):
        return fspath(value)
    # Arrays of one element have `item` and a shape too; only those without dimensions are numbers.
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    return value


def _key(key: Any, path: Path) -> str:
    key = _unwrapped(key)
    if isinstance(key, str):
        return key
    if isinstance(key, int | float) and not isinstance(key, bool):
        return str(key)
    raise _invalid(path, f"has the key {key!r:.60}: keys of JSON are texts")


def _invalid(path: Path, what: str) -> InvalidInput:
    where = path_text(path)
    return InvalidInput([Problem(f"{where or 'This'} {what}.", "INVALID_INPUT", where or None)])
