"""The verdict of the schemas themselves, where somebody has them and asks for it.

lxml judges by XSD 1.0, and xmlschema (the extra `xsd`) by 1.1, at a megabyte in some seconds. Both
hold the whole file as a tree: that is why this is none of the rules that every file is read with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree
from lxml.etree import _Element as Element

from saft_pipeline.saft.encoding import Text, detect
from saft_pipeline.saft.errors import SchemaError
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.registry import XSD

MOST_VALIDATED = 100_000_000

_Judge = Callable[[Element], Iterator[Finding]]
_NAMESPACE = re.compile(r"\{(?:urn|https?):[^{}]*\}")
_ABOUT = re.compile(r"Element '([^']+)': (.+)")
_LONGEST = 500  # characters of a message: it quotes values


class Schemas:
    """The schemas in a folder, by the names of their versions: `SAFTPT1.04_01.xsd`.

    `SAFTPT1.04_01-xsd10.xsd` is taken where that isn't there. Each is read when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        """Raises SchemaError if there is none."""
        self._folder = folder
        self._files = {path.name: path for path in sorted(folder.glob("SAFTPT*.xsd"))}
        self._judges: dict[Path, _Judge] = {}
        if not self._files:
            raise SchemaError(f"{folder}: no schema is there that is named as SAFTPT1.04_01.xsd is")

    def require_small(self, path: Path) -> None:
        """Raise SchemaError for a file that is too large to be held as a tree."""
        size = path.stat().st_size
        if size > MOST_VALIDATED:
            raise SchemaError(
                f"it has {size:,} bytes, and schemas judge at most {MOST_VALIDATED:,}: leave --xsd "
                "out for this file"
            )

    def findings(self, path: Path, version: str | None) -> Iterator[Finding]:
        """What the schema of a version says of a file that the reader could read.

        Raises SchemaError; OSError if the file is gone.
        """
        schema = self._of(version)
        if schema not in self._judges:
            self._judges[schema] = _judge(schema)
        try:
            root = _tree(path)
        except etree.XMLSyntaxError as error:
            yield _found(error.lineno, None, str(error.msg))
        else:
            yield from self._judges[schema](root)

    def _of(self, version: str | None) -> Path:
        for name in (f"SAFTPT{version}.xsd", f"SAFTPT{version}-xsd10.xsd"):
            if name in self._files:
                return self._files[name]
        raise SchemaError(
            f"no schema of its AuditFileVersion ({version}) is in {self._folder}, but "
            f"{', '.join(self._files)}: leave --xsd out for this file, or get SAFTPT{version}.xsd"
        )


def _tree(path: Path) -> Element:
    """The file as the reader takes its characters, with its lines."""
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    with path.open("rb") as source:
        encoding = detect(source)
        source.seek(0)
        for piece in Text(source, encoding):
            parser.feed(piece.encode())
    return parser.close()


def _judge(path: Path) -> _Judge:
    try:
        schema = etree.XMLSchema(etree.parse(path))
    except (etree.XMLSyntaxError, OSError) as error:
        raise SchemaError(f"{path} can't be read: {error}") from None
    except etree.XMLSchemaParseError:
        return _judge_11(path)

    def judge(root: Element) -> Iterator[Finding]:
        schema.validate(root)
        for entry in schema.error_log:  # type: ignore[attr-defined]  # a list
            message = _NAMESPACE.sub("", entry.message)
            about = _ABOUT.fullmatch(message)
            yield _found(entry.line, *(about.groups() if about else (None, message)))

    return judge


def _judge_11(path: Path) -> _Judge:
    try:
        import xmlschema
    except ImportError:
        raise SchemaError(
            f"{path} is a schema of XSD 1.1, which needs xmlschema: "
            "pip install 'saft_pipeline[xsd]'"
        ) from None
    try:
        schema = xmlschema.XMLSchema11(path, allow="local")
    except xmlschema.XMLSchemaException as error:
        raise SchemaError(f"{path} is no schema: {_short(str(error))}") from None

    def judge(root: Element) -> Iterator[Finding]:
        for error in schema.iter_errors(root):
            # Of a child that is not expected, xmlschema tells the place of the parent.
            element = getattr(error, "invalid_child", None)
            element = error.elem if element is None else element
            name = None if element is None else etree.QName(element.tag).localname
            line = getattr(element, "sourceline", None)
            asserted = error.validator
            test = asserted.path if isinstance(asserted, xmlschema.validators.XsdAssert) else ""
            yield _found(line, name, f"{_NAMESPACE.sub('', error.reason or '')} {test}")

    return judge


def _found(line: int | None, element: str | None, message: str) -> Finding:
    return Finding(XSD.name, XSD.severity, line or None, element, None, _short(message))


def _short(message: str) -> str:
    """In one line: what is quoted may have several."""
    return " ".join(message.split())[:_LONGEST]
