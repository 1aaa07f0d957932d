"""Parse what a client asks of an export, from the query of its URL. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from query.export.lines import ExportFormat
from shared.errors import InputError, InvalidDomainError
from shared.model.domain import DomainName, parse_domain
from shared.model.status import Status
from shared.problems import Problem

STATUS, FORMAT, CURSOR = "status", "format", "cursor"
PARAMETERS = (STATUS, FORMAT, CURSOR)
SINGLE = "given once"
CURSOR_FORM = "a domain, the last that you have"

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """The domains with *status* (None: all) after *cursor* (None: from the beginning)."""

    status: Status | None
    format: ExportFormat
    cursor: DomainName | None


def parse_request(pairs: list[tuple[str, str]]) -> ExportRequest:
    """Return the request of a query's *pairs* of names and values; the names are `PARAMETERS`.

    Raises InputError.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InputError(Problem.INVALID_PARAMETER, name=" or ".join(PARAMETERS), form=SINGLE)
    cursor = None
    if CURSOR in values:
        try:
            cursor = parse_domain(values[CURSOR])
        except InvalidDomainError as error:
            raise InputError(Problem.INVALID_PARAMETER, name=CURSOR, form=CURSOR_FORM) from error
    return ExportRequest(
        status=_choose(Status, STATUS, values[STATUS]) if STATUS in values else None,
        format=_choose(ExportFormat, FORMAT, values.get(FORMAT, ExportFormat.NDJSON)),
        cursor=cursor,
    )


def _choose(choices: type[Choice], name: str, value: str) -> Choice:
    try:
        return choices(value)
    except ValueError as error:
        raise InputError(Problem.INVALID_PARAMETER, name=name, form=form_of(choices)) from error


def form_of(choices: type[StrEnum]) -> str:
    """Return the permitted values in words."""
    return " or ".join(repr(each.value) for each in choices)
