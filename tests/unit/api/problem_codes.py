"""Find the problem codes that a tier can emit, by reading its source.

Names lead from a tier's own modules to functions and classes of ``shared``, and on from there. In
what is reached so, each place that makes a problem or an error must say its code.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from shared import errors
from shared.http.routing import retriable_code
from shared.model import domain

ROOT = Path(__file__).parents[3]
_CODE_AT = {"HttpProblem": 1, "problem": 1, "Rejection": 1}
"""Which argument is the code."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ENUMS = {"DomainErrorCode": domain.DomainErrorCode}

Named = tuple[str, str]
"""A module, and what is at its top by this name; ``""`` is what is done at import."""


@dataclass(frozen=True, slots=True)
class _Module:
    names: dict[str, Named] = field(default_factory=dict)
    """What its names mean, where that is ours; a module itself is ``(module, "*")``."""
    bodies: dict[str, list[ast.AST]] = field(default_factory=lambda: {"": []})


@cache
def _read(module: str) -> _Module:
    path = ROOT / (module.replace(".", "/") + ".py")
    read = _Module()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ImportFrom(module=str(source), names=names) if _is_ours(source):
                for alias in names:
                    whole = f"{source}.{alias.name}"
                    means = (whole, "*") if _is_module(whole) else (source, alias.name)
                    read.names[alias.asname or alias.name] = means
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                read.names[name] = (module, name)
                read.bodies[name] = [node]
            case _:
                read.bodies[""].append(node)
    return read


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in {"shared", "ingest", "query"}


def _is_module(name: str) -> bool:
    return (ROOT / (name.replace(".", "/") + ".py")).exists()


def modules_of(tier: str) -> list[str]:
    """Return the modules of *tier*."""
    files = [path.relative_to(ROOT) for path in sorted((ROOT / tier).rglob("[!_]*.py"))]
    return [".".join(file.with_suffix("").parts) for file in files] + [f"{tier}.__main__"]


def codes_of(tier: str, never: frozenset[Named] = frozenset()) -> dict[str, str]:
    """Return each code that *tier* can emit, and where.

    It starts with all that the tier's own modules hold. What is done in a method in *never*,
    ``(module, "Class.method")``, or in a whole module, ``(module, "*")``, is left out.
    """
    todo = [(module, name) for module in modules_of(tier) for name in _read(module).bodies]
    reached: set[Named] = set()
    found: dict[str, str] = {}
    while todo:
        module, name = named = todo.pop()
        read = _read(module)
        if named in reached or name not in read.bodies or (module, "*") in never:
            continue
        reached.add(named)
        todo.append((module, ""))
        for node in _nodes(read.bodies[name], module, name, never):
            todo.extend(_means(node, read))
            if isinstance(node, ast.Call) and (code := _code(node)) is not None:
                found[code] = f"{module}:{node.lineno}"
    return found


def _nodes(
    nodes: Iterable[ast.AST], module: str, name: str, never: frozenset[Named]
) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, _FUNCTIONS) and (module, f"{name}.{node.name}") in never:
            continue
        yield node
        yield from _nodes(ast.iter_child_nodes(node), module, name, never)


def _means(node: ast.AST, read: _Module) -> Iterator[Named]:
    match node:
        case ast.Name(id=used) if used in read.names:
            yield read.names[used]
        case ast.Attribute(value=ast.Name(id=used), attr=attr):
            source, what = read.names.get(used, ("", ""))
            if what == "*":
                yield source, attr
        case _:
            pass


def _code(call: ast.Call) -> str | None:
    """Return the code of the problem or error that *call* makes, if it does and names it."""
    match call.func:
        case ast.Name(id=made) | ast.Attribute(attr=made):
            pass
        case _:
            return None
    kind = getattr(errors, made, None)
    if isinstance(kind, type) and issubclass(kind, errors.RetriableError):
        return retriable_code(kind())
    if isinstance(kind, type) and issubclass(kind, errors.InputError):
        at = 0
    elif made == "__init__" and len(call.args) == 2:
        at = 0  # an InputError of a module's own passes its code and its sentence on
    elif made in _CODE_AT:
        at = _CODE_AT[made]
    else:
        return None
    match call.args[at]:
        case ast.Constant(value=str(code)):
            return code
        case ast.Attribute(value=ast.Name(id=enum), attr=member) if enum in _ENUMS:
            return str(_ENUMS[enum][member])
        case ast.Attribute(attr="code") | ast.Call(func=ast.Name(id="retriable_code")):
            return None  # it was made elsewhere
        case other:
            raise AssertionError(f"{ast.unparse(call)}: write the code here, not {ast.dump(other)}")
