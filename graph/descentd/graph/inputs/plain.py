"""Plain texts: those that a check leaves as they are, which pydantic's own pattern tells without calling Python.

Most texts of a manifest are plain names, refs and digests. To call a check of ours for each took most of the time in
which a manifest was validated.
"""

from functools import cache
from typing import Any, Final, cast

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from descentd.graph.model.names import LONGEST

_MARK: Final = "descent_plain"
_NAME: Final = "[0-9A-Za-z_-]+(?:[./][0-9A-Za-z_-]+)*"


class Plain:
    """Of an annotated text, after its checks: texts that match `pattern` pass all of them unchanged.

    `pattern` is one of Rust's crate `regex`, in which `$` is the end of the text; `longest` is in characters.
    """

    def __init__(self, pattern: str, longest: int | None = None) -> None:
        self.pattern = pattern
        self.longest = longest
        self._schema = core_schema.str_schema(pattern=pattern, max_length=longest, strict=True)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the checks, which stays as it is and is marked for `plain_validator`."""
        schema: Any = handler(source)
        schema["metadata"] = {**schema.get("metadata", {}), _MARK: self._schema}
        return cast("CoreSchema", schema)


NAME: Final = Plain(f"^{_NAME}$", LONGEST)
VALUE: Final = Plain("^[!-~][ -~]*$", 1000)
PROSE: Final = Plain("^[!-~]")
REF: Final = Plain(f"^(?:model:{_NAME}@{_NAME}|dataset:{_NAME}@{_NAME}(?:#{_NAME})?)$", LONGEST)
DIGEST: Final = Plain("^sha256:[0-9a-f]{64}$")


@cache
def plain_validator(kind: type[BaseModel]) -> SchemaValidator:
    """What accepts the same as `kind` does and makes the same of it, and looks first whether a text is plain.

    Its errors name fields that are none: where it refuses something, `kind` says why.
    """
    return SchemaValidator(_walked(kind.__pydantic_core_schema__), _use_prebuilt=False)


def _walked(part: Any) -> Any:
    if isinstance(part, list):
        return [_walked(one) for one in part]
    if not isinstance(part, dict):
        return part
    plain = part.get("metadata", {}).get(_MARK) if "type" in part else None
    if plain is not None:
        return core_schema.union_schema([plain, part], mode="left_to_right")
    return {name: _walked(one) for name, one in part.items() if name != "metadata"}
