"""Render a service's settings as the Markdown table that its README shows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from readmit_runtime.markdown_table import markdown_table
from readmit_runtime.settings import NESTED_DELIMITER, ServiceSettings, group_of

_BOUNDS = (("ge", ">= "), ("gt", "> "), ("le", "<= "), ("lt", "< "))


def settings_table(settings_type: type[ServiceSettings]) -> str:
    """Render every variable that the service reads: name, type with bounds, default, meaning; nested groups flat.

    Raises ValueError for a setting without a description: unit and effect are part of it.
    """
    prefix = settings_type.model_config.get("env_prefix", "")
    return markdown_table(("Variable", "Type", "Default", "Meaning"), list(_rows(settings_type, prefix, None)))


def _rows(model: type[BaseModel], prefix: str, given: BaseModel | None) -> Iterator[Sequence[str]]:
    for name, field in model.model_fields.items():
        default = (
            field.get_default(call_default_factory=True, validated_data={}) if given is None else getattr(given, name)
        )
        group = group_of(field.annotation)
        if group is not None:
            whole = default if isinstance(default, BaseModel) else None
            yield from _rows(group, f"{prefix}{name}{NESTED_DELIMITER}", whole)
            continue
        if not field.description:
            raise ValueError(f"the setting {prefix}{name} has no description")
        yield f"`{(prefix + name).upper()}`", _type(field), _default(default), field.description


def _type(field: FieldInfo) -> str:
    names = " or ".join(_type_name(part) for part in _members(field.annotation) if part is not NoneType)
    bounds = [
        f"{sign}{getattr(rule, bound):g}" for bound, sign in _BOUNDS for rule in field.metadata if hasattr(rule, bound)
    ]
    return ", ".join([names, *bounds])


def _type_name(part: Any) -> str:
    if get_origin(part) is Literal:
        return " ".join(f"`{choice}`" for choice in get_args(part))
    return {SecretStr: "secret", str: "text", int: "integer", float: "number", bool: "boolean", Path: "path"}.get(
        part, getattr(part, "__name__", str(part))
    )


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    # A secret's default is never shown; there should be none.
    return "set" if isinstance(value, SecretStr) else f"`{value}`"
