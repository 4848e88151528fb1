"""An open conformance set: documents, and what each rule is to find in them.

The documents are made of a base and changes (`cases.toml`, by rule, and `varied.toml`,
`audited.toml`, `rarer.toml` and `tried.toml`, by what the law says of documents of all kinds), so
that what matters is seen.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

_HERE = Path(__file__).parent
VARIED_SETS = ("varied.toml", "audited.toml", "rarer.toml", "tried.toml")


class Case(NamedTuple):
    """A document, and all that is to be found in it, as "rule document", sorted.

    In the varied cases "severity rule document", and `rule` is the law.
    """

    name: str
    rule: str
    content: bytes
    finds: list[str]


@cache
def cases() -> list[Case]:
    """The whole set, in its order."""
    return list(_cases())


def _cases() -> Iterator[Case]:
    for rule, variants in tomllib.loads((_HERE / "cases.toml").read_text("utf-8")).items():
        for number, variant in enumerate(variants, 1):
            content = _patched(variant.get("base", "1.04"), variant["patch"])
            yield Case(f"{rule}-{number}", rule, content, sorted(variant["finds"]))


@cache
def varied() -> list[Case]:
    """The varied cases, in their order."""
    return list(_varied())


def _varied() -> Iterator[Case]:
    for name, case in chain.from_iterable(map(_items, VARIED_SETS)):
        content = _patched(case["base"], case.get("patch", []), turned=case.get("reversed", False))
        for old, new in (replacement.split(" => ") for replacement in case.get("raw", [])):
            content = content.replace(old.encode(), new.encode())
        if "prefix" in case:
            content = _prefixed(content, case["prefix"].encode())
        yield Case(name, case["law"], content, sorted(case["finds"]))


def _items(name: str) -> Iterable[tuple[str, dict[str, Any]]]:
    return tomllib.loads((_HERE / name).read_text("utf-8")).items()


def _patched(base: str, patches: list[str], *, turned: bool = False) -> bytes:
    root = etree.fromstring((_HERE / f"base-{base}.xml").read_bytes())
    for patch in patches:
        _change(root, patch)
    if turned:
        _turn(root.findall(".//{*}Invoice"))
    version = root.findtext("{*}Header/{*}AuditFileVersion") or ""
    content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return re.sub(rb":PT_\d\.\d\d_01", f":PT_{version}".encode(), content, count=1)


def _prefixed(content: bytes, prefix: bytes) -> bytes:
    named = re.sub(rb"<(/?)(\w)", rb"<\1" + prefix + rb":\2", content)
    return named.replace(b" xmlns=", b" xmlns:" + prefix + b"=", 1)


def _turn(documents: list[etree._Element]) -> None:
    """Put the documents in the order from last to first."""
    for document in reversed(documents[:-1]):
        parent = document.getparent()
        if parent is not None:
            parent.append(document)


def _change(root: etree._Element, patch: str) -> None:
    path, sign, text = (*patch.split(" ", 2), "")[:3]
    found = root.find(".//" + "/".join(f"{{*}}{step}" for step in path.split("/")))
    if found is None:
        raise ValueError(f"{patch!r}: no such element")
    above = found.getparent()
    if sign == "=":
        found.text = text
    elif sign == "-" and above is not None:
        above.remove(found)
    elif sign == "+" and above is not None:
        namespace = root.nsmap[None]
        added = etree.fromstring(f'<added xmlns="{namespace}">{text}</added>')
        at = above.index(found) + 1
        above[at:at] = list(added)
    else:
        raise ValueError(f"{patch!r}: = or - or + after the path")
