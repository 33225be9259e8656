"""Fill in the templates of `local/`."""

import io
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from pathlib import Path
from string import Template

from readmit_cli.stack.errors import StackError

_EVERY_PROGRAM = "every-program"
_PROGRAM = "program:"


def fill(template: Path, values: Mapping[str, str]) -> str:
    """Replace every $name of a template. Raises StackError for a name without a value."""
    try:
        return Template(template.read_text()).substitute(values)
    except (KeyError, ValueError) as error:
        raise StackError(f"{template} cannot be filled in: {error}. Restore the file from the repository.") from error


def supervisor_configuration(
    template: Path,
    values: Mapping[str, str | None],
    *,
    programs: Iterable[str],
    kinds: Mapping[str, str] | None = None,
    environments: Mapping[str, Mapping[str, str]],
) -> str:
    """Render supervisor's configuration with these programs, each with its environment.

    A program of several kinds has a section for each, [program:<name>:<kind>]; `kinds` says which one it is here.
    An option whose whole value is a $name with the value None is left out.
    Raises StackError for a program without a section, or a value that supervisor could not read back.
    """
    source = _parser()
    source.read_string(template.read_text())
    defaults = dict(source[_EVERY_PROGRAM])
    rendered = _parser()
    for section in source.sections():
        if section != _EVERY_PROGRAM and not section.startswith(_PROGRAM):
            rendered[section] = _filled(dict(source[section]), values)
    for program in programs:
        section = _PROGRAM + program
        template_section = f"{section}:{kinds[program]}" if kinds and program in kinds else section
        if template_section not in source:
            raise StackError(f"{template} has no section [{template_section}]; restore the file from the repository.")
        rendered[section] = _filled(defaults | dict(source[template_section]), values)
        rendered[section]["environment"] = _environment(environments.get(program, {}))
    text = io.StringIO()
    rendered.write(text)
    return text.getvalue()


def _parser() -> RawConfigParser:
    parser = RawConfigParser(comment_prefixes=(";",), inline_comment_prefixes=None, empty_lines_in_values=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keeps the case of names, as documented
    return parser


def _filled(options: Mapping[str, str], values: Mapping[str, str | None]) -> dict[str, str]:
    absent = {f"${name}" for name, value in values.items() if value is None}
    # supervisor expands %(...)s itself: a percent sign in a path has to be doubled.
    known = {name: value.replace("%", "%%") for name, value in values.items() if value is not None}
    return {name: Template(value).substitute(known) for name, value in options.items() if value not in absent}


def _environment(variables: Mapping[str, str]) -> str:
    for name, value in variables.items():
        if any(mark in value for mark in ('"', "'", "\n")):
            raise StackError(f"The value of {name} has a quote or a line end, which supervisor cannot carry.")
    return ",".join(f'{name}="{value.replace("%", "%%")}"' for name, value in sorted(variables.items()))
