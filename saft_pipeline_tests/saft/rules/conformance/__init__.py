"""An open conformance set: documents, and what each rule is to find in them.

The documents are made of a base and changes (`cases.toml`), so that what matters is seen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lxml import etree

_HERE = Path(__file__).parent


class Case(NamedTuple):
    """A document, and all that is to be found in it, as "rule document", sorted."""

    name: str
    rule: str
    content: bytes
    finds: list[str]


def cases() -> Iterator[Case]:
    """The whole set, in its order."""
    for rule, variants in tomllib.loads((_HERE / "cases.toml").read_text("utf-8")).items():
        for number, variant in enumerate(variants, 1):
            content = _patched(variant.get("base", "1.04"), variant["patch"])
            yield Case(f"{rule}-{number}", rule, content, sorted(variant["finds"]))


def _patched(base: str, patches: list[str]) -> bytes:
    root = etree.fromstring((_HERE / f"base-{base}.xml").read_bytes())
    for patch in patches:
        _change(root, patch)
    version = root.findtext("{*}Header/{*}AuditFileVersion") or ""
    content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return content.replace(f":PT_{base}_01".encode(), f":PT_{version}".encode())


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
