"""`saft validate`: what the rules find in files, without a database."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from saft_pipeline.cli.output import (
    ALL_WELL,
    COULD_NOT,
    FOUND,
    AsJson,
    CannotRunError,
    print_json,
    progress,
    say,
    stdout,
)
from saft_pipeline.saft.errors import SaftError, SchemaError
from saft_pipeline.saft.rules.checks import CHECKS
from saft_pipeline.saft.rules.registry import FIRST, LAST, RULES, XSD, Rule
from saft_pipeline.visible import one_line

if TYPE_CHECKING:
    from saft_pipeline.saft.rules.checker import Checker
    from saft_pipeline.saft.rules.findings import Finding, Findings
    from saft_pipeline.saft.rules.signatures import Signatures
    from saft_pipeline.saft.rules.xsd import Schemas

_Result = tuple[dict[str, Any], int]
"""What is said of a file, and the exit status that it deserves."""
_Validated = Callable[[str, Path], _Result]
_LIST = "list"
_ALL = {**RULES, XSD.name: XSD}
_ENDINGS = (".xml", ".xml.gz", ".zip")
_STDIN = Path("/dev/stdin")
_OFTEN = 500  # records between two looks at the progress


def validate(
    paths: Annotated[
        list[Path] | None,
        # What can't be read is told beside the findings in the others.
        typer.Argument(readable=False, help="SAF-T (PT) files, or folders of them; - is stdin."),
    ] = None,
    as_json: AsJson = False,
    key: Annotated[
        Path | None, typer.Option(help="The producer's public key (PEM): verify signatures.")
    ] = None,
    rules: Annotated[
        str, typer.Option(metavar="NAMES", help="Rules or checks, with commas; list shows all.")
    ] = "",
    xsd: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Judge by the schemas in it, too (SAFTPT1.04_01.xsd, …): they alone tell of "
            "order, unknown elements and texts that are too long.",
        ),
    ] = None,
) -> None:
    """Check files by every rule: status 1 if there are errors, 2 if one can't be read."""
    if rules == _LIST:
        _list(as_json=as_json)
        return
    if not paths:
        raise CannotRunError("saft validate: which file? Or --rules list, for all rules")
    gc.disable()  # as in `saft parse`
    signatures, schemas = _signatures(key), _schemas(xsd)
    validated = partial(_validated, _wanted(rules), signatures, schemas, as_json=as_json)
    results = [result for path in _files(paths) for result in _of_path(path, validated)]
    if as_json:
        print_json({"files": [document for document, _ in results]})
    raise typer.Exit(max((status for _, status in results), default=ALL_WELL))


def _of_path(path: Path, validated: _Validated) -> Iterator[_Result]:
    """What is said of a file, or of each in an archive."""
    from saft_pipeline.loading.archives import ArchiveError, unpacked_here

    try:
        for name, content in unpacked_here(path):
            yield validated(name, content)
    except (ArchiveError, OSError) as error:
        yield _unread(str(path), f"{path}: {getattr(error, 'strerror', None) or error}")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(_in_folder(path))
            if not found:
                patterns = ", ".join(f"*{ending}" for ending in _ENDINGS)
                raise CannotRunError(f"{path}: no {patterns} is in this folder")
            yield from found
        else:
            yield _STDIN if str(path) == "-" else path


def _in_folder(folder: Path) -> Iterator[Path]:
    """Its files, and the folders in it that can't be looked into, which fail when they are read."""
    unreadable: list[OSError] = []
    for above, _, names in os.walk(folder, onerror=unreadable.append):
        for path in (Path(above, name) for name in names if name.lower().endswith(_ENDINGS)):
            if path.is_file() or not path.exists():
                yield path
            else:
                say(f"{path}: passed over: whoever opens a pipe or a device may wait for ever")
    yield from (Path(error.filename) for error in unreadable)


def _wanted(names: str) -> set[str]:
    given = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := given - RULES.keys() - {check.name for check in CHECKS}:
        raise CannotRunError(f"--rules: no rule or check {', '.join(sorted(unknown))}; see list")
    return {rule.name for rule in RULES.values() if not given or {rule.name, rule.check} & given}


def _signatures(key: Path | None) -> Signatures | None:
    if key is None:
        return None
    from saft_pipeline.saft.rules.signatures import KeyFileError, Signatures, public_key

    try:
        return Signatures(public_key(key))
    except OSError as error:
        raise CannotRunError(f"--key {key}: {error.strerror}") from None
    except KeyFileError as error:
        raise CannotRunError(f"--key {error}") from None


def _schemas(folder: Path | None) -> Schemas | None:
    if folder is None:
        return None
    from saft_pipeline.saft.rules.xsd import Schemas

    try:
        return Schemas(folder)
    except SchemaError as error:
        raise CannotRunError(f"--xsd {error}") from None


def _validated(
    wanted: set[str],
    signatures: Signatures | None,
    schemas: Schemas | None,
    name: str,
    path: Path,
    *,
    as_json: bool,
) -> _Result:
    """What is said of one file, and the status that it deserves."""
    from saft_pipeline.saft.rules.checker import Checker

    known = signatures.signatures if signatures else None
    checker = Checker(only=wanted, signatures=lambda _: known)
    file: dict[str, Any] = {"file": name, "version": None, "documents": 0}
    try:
        if schemas:
            schemas.require_small(path)
        findings = _read(path, checker, file)
        for found in schemas.findings(path, file["version"]) if schemas else ():
            findings.add(found)
    except SaftError as error:
        error.name = name
        return _unread(name, str(error), file)
    except OSError as error:
        return _unread(name, f"{name}: {error.strerror or error}", file)
    file |= {"findings": [_entry(f) for f in findings.kept], "counts": dict(findings.counts)}
    if not as_json:
        _print(name, findings)
    errors = any(_ALL[name].severity == "error" for name in findings.counts)
    return file, FOUND if errors else ALL_WELL


def _unread(name: str, reason: str, known: Mapping[str, Any] | None = None) -> _Result:
    say(reason)
    told = {"error": reason, "findings": [], "counts": {}}
    return {"file": name, **(known or {}), **told}, COULD_NOT


def _read(path: Path, checker: Checker, file: dict[str, Any]) -> Findings:
    from saft_pipeline.saft.reader import read_document
    from saft_pipeline.saft.records import Header, Invoice
    from saft_pipeline.saft.rules.row_lines import with_row_lines

    with (
        _opened(path) as source,
        read_document(source, name=file["file"]) as document,
        progress() as bar,
    ):
        task = bar.add_task(path.name, total=document.size)
        for count, record in enumerate(document):
            checker.see(record)
            if isinstance(record, Invoice):
                file["documents"] += 1
            elif isinstance(record, Header):
                file["version"] = record.audit_file_version
            if count % _OFTEN == 0 and not bar.disable:
                bar.update(task, completed=source.tell())
        findings = checker.finish(document.warnings, document.warning_counts)
        source.seek(0)
        findings.kept = with_row_lines(source, findings.kept)
        return findings


def _opened(path: Path) -> BinaryIO:
    """A file that can be read twice: of a pipe it is a copy."""
    from saft_pipeline.saft.reader import copied

    opened = path.open("rb")
    if opened.seekable():
        return opened
    with opened:
        return copied(opened)


def _entry(found: Finding) -> dict[str, Any]:
    rule = _ALL[found.rule]
    return {**found._asdict(), "check": rule.check, "source": rule.source}


def _print(path: str, findings: Findings) -> None:
    shown: dict[str, int] = {}
    for found in findings.kept:
        shown[found.rule] = shown.get(found.rule, 0) + 1
        place = f"{path}:{found.line}" if found.line else path
        about = f" {found.document}" if found.document else ""
        wanted = f"expected {found.expected}, " if found.expected else ""
        text = f"{place}: {found.severity} {found.rule}{about}: {wanted}"
        sys.stdout.write(one_line(f"{text}found {found.found or 'nothing'}") + "\n")
    for rule, count in findings.counts.items():
        if count > shown.get(rule, 0):
            sys.stdout.write(one_line(f"{path}: {rule}: and {count - shown[rule]:,} more") + "\n")


def _list(*, as_json: bool) -> None:
    if as_json:
        print_json({"rules": [rule._asdict() for rule in RULES.values()]})
        return
    for check in CHECKS:
        stdout.print(f"{check.name}: {check.description}", style="bold", markup=False)
        for rule in (rule for rule in RULES.values() if rule.check == check.name):
            stdout.print(f"  {rule.name} ({rule.severity}{_holds(rule)})", markup=False)
            stdout.print(f"    {rule.says}\n    {rule.source}", markup=False, soft_wrap=True)


def _holds(rule: Rule) -> str:
    """The versions and days that it holds for, where these are not all."""
    first, last = rule.versions
    versions = f", {first} to {last}" if (first, last) != (FIRST, LAST) else ""
    since, until = rule.days
    return versions + (f", {since} to {until}" if since > "0001-01-01" else "")
