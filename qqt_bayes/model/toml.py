"""Reading a TOML file, and whether each entry of a specification is of the right type."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from qqt_bayes.errors import UsageError
from qqt_bayes.limits import COUNTS, LIMITS

DEPTH = 20  # tables within tables
LARGEST = 2**63  # beyond the whole numbers of TOML

TYPES: dict[str, tuple[type, str]] = {
    "name": (str, 'a text: name = "mine"'),
    "law": (str, 'a text: law = "effective_utility"'),
    "title": (str, 'a text: title = "My law"'),
    "base": (str, 'a text: base = "effective_utility"'),
    "levels": (list, 'a list of columns: levels = ["model"]'),
    "priors": (dict, "tables: [priors.utility]"),
    "structure": (dict, "a table: [structure]"),
}

__all__ = ["check_types", "read_toml"]


def check_types(source: dict[str, Any]) -> list[str]:
    """What is wrong with the entries' types."""
    problems = [
        f"'{key}' must be {how}."
        for key, (kind, how) in TYPES.items()
        if key in source and not isinstance(source[key], kind)
    ]
    given = source.get("covariates", [])
    sound = (
        all(isinstance(name, str) for name in given) if isinstance(given, list)
        else isinstance(given, dict) and all(map(is_value, given.values()))
    )  # fmt: skip
    if not sound:
        problems.append(
            "'covariates' must be a list of columns, covariates = [\"weight_decay\"], or a table "
            "of them with the value that answers are for."
        )
    if not problems and not all(isinstance(level, str) for level in source.get("levels", ())):
        problems.append(f"'levels' must be {TYPES['levels'][1]}.")
    if not problems:
        problems += [
            f"prior '{name}' is not a table: write [{where}.{name}]."
            for where, tables in tables_of(source.get("priors", {})).items()
            for name, table in tables.items()
            if not isinstance(table, dict)
        ]
    return problems


def tables_of(priors: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of priors: those for all kinds, and those of one."""
    kinds = {k: v for k, v in priors.items() if isinstance(v, dict) and "family" not in v}
    inner = {
        f"priors.{kind}": tables
        for kind, tables in kinds.items()
        if any(isinstance(table, dict) for table in tables.values())
    }
    return {"priors": priors} | inner


def is_value(given: Any) -> bool:
    """Whether this can be the value of a column."""
    return type(given) in (int, float) and LIMITS["value of a score or cost"].holds(given)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        if path.is_file() and path.stat().st_size > COUNTS["bytes of a specification"]:
            most = COUNTS["bytes of a specification"]
            raise UsageError(f"{path} has more than {most:,} bytes -> is it the right file?")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no such spec file: {path}") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise UsageError(f"{path} is not UTF-8 (byte 0x{byte:02x}) -> save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except (RecursionError, ValueError, OverflowError):  # nested a thousandfold, or huge numbers
        sound = False
    else:
        sound = is_plain(found)
    if not sound:
        raise UsageError(
            f"{path} is not valid TOML: nested too deeply, or a whole number of more than 18 "
            "digits -> write it as 1e19, or as a text"
        )
    return found


def is_plain(value: Any, depth: int = DEPTH) -> bool:
    """Whether tables are not too deep, and whole numbers not so large that no float holds them."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(is_plain(held, depth - 1) for held in inner)
    return not isinstance(value, int) or -LARGEST <= value < LARGEST
