"""Invoices that have the tags of one before: what they say is cut out of the text, without a tree.

To split a text at its tags takes half the time of libxml2 and a walk over its tree. Only what is
sure to say the same is read so: the very tags of an invoice that libxml2 has read, between
them values where it had some, and blanks where it had none. All else goes to libxml2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from saft_pipeline.saft.forms import Form
from saft_pipeline.saft.invoices import InvoiceLayout, invoice_layout
from saft_pipeline.saft.json_text import Picker, picker
from saft_pipeline.saft.kinds import Taken
from saft_pipeline.saft.parser import OPTIONS
from saft_pipeline.saft.shapes import nodes_of
from saft_pipeline.saft.values import XML_BLANKS

_MOST, _LONGEST = 1000, 1 << 14  # real files show some tens of two or three thousand characters
_MOST_MET = 10_000
LUCK = 200  # so many more that could not be cut out than could, and it isn't tried any further
_END = b"<_/></SalesInvoices>"  # an element more: it tells the line of a text before it
_BETWEEN = "<"  # no name has it
_FORBIDDEN = re.compile("[\0-\x1f\ufffe\uffff]")  # by XML, but for blanks, which no value needs


class Cut(NamedTuple):
    """An invoice that was cut out: how it is built, what it says, the line it begins on."""

    layout: InvoiceLayout
    taken: Taken
    line: int


class Tree(NamedTuple):
    """An element with invoices, of which the first begins on that line, and one element more."""

    section: Element
    line: int


class _TextForm(NamedTuple):
    """Where the texts behind an invoice's tags are `present` ones, and where they are `blank`.

    `values` takes those of the nodes from the present ones and a None.
    """

    layout: InvoiceLayout
    form: Form
    present: Picker
    blank: Picker
    values: Picker

    def taken(self, texts: Sequence[str]) -> Taken | None:
        """What an invoice with these texts says; None if it may be another than it seems."""
        present = self.present(texts)
        all_present = "".join(present)
        if not all_present.isprintable() and _FORBIDDEN.search(all_present):
            return None
        if "".join(self.blank(texts)).strip(XML_BLANKS):
            return None
        text = self.form.of_present(present)
        if not text:
            return None
        values = [*self.values((*present, None))]
        self.layout.settle(values, (), _nothing_to_tell)
        return values, self.form, text


def _nothing_to_tell(*_: object) -> None:
    raise AssertionError("see Layout.usual")


class TextForms:
    """Those of a document's invoices; `wrapper` is a start tag that declares what they may use.

    Without `luck` all are left to libxml2.
    """

    def __init__(self, wrapper: bytes, luck: int = LUCK) -> None:
        self._wrapper = wrapper
        self._met: set[int] = set()
        self._known: dict[str, _TextForm | None] = {}
        self._luck = luck

    def parts(self, text: str, line: int) -> list[Cut | Tree] | None:
        """What is in a text that begins on that line with an Invoice; None if that is ill-formed.

        It is so if it was cut where no invoice begins.
        """
        if self._luck <= 0:
            tree = self._tree(text, line)
            return [tree] if tree else None
        found: list[Cut | Tree | None] = []
        waiting: list[str] = []
        since = line
        for piece in _pieces(text):
            part = self._part(piece, line)
            self._luck = min(self._luck + 1, LUCK) if type(part) is Cut else self._luck - 1
            line += piece.count("\n")
            if part is None:
                waiting.append(piece)
                continue
            if waiting:
                found.append(self._tree("".join(waiting), since))
                waiting.clear()
            found.append(part)
            since = line
        if waiting:
            found.append(self._tree("".join(waiting), since))
        parts = [part for part in found if part]
        return parts if len(parts) == len(found) else None

    def _part(self, text: str, line: int) -> Cut | Tree | None:
        """An invoice that can be read by itself."""
        if "&" in text or len(text) > _LONGEST:
            return None
        tokens = text.replace(">", "<").split("<")
        names = _BETWEEN.join(tokens[1::2])
        known = self._known.get(names)
        if known:
            taken = known.taken(tokens[2::2])
            return Cut(known.layout, taken, line) if taken else None
        if names in self._known or len(self._known) >= _MOST or self._is_new(names):
            return None
        tree = self._tree(text, line)
        self._known[names] = tree and _form_of(tree.section, tokens[2::2])
        return tree

    def _is_new(self, names: str) -> bool:
        """Whether these tags were never met: most such ones don't come again."""
        if (key := hash(names)) in self._met:
            return False
        if len(self._met) < _MOST_MET:
            self._met.add(key)
        return True

    def _tree(self, text: str, line: int) -> Tree | None:
        content, encoding = encoded(text)
        parser = etree.XMLParser(**(OPTIONS | {"encoding": encoding}))  # type: ignore[arg-type]
        try:
            whole = b"%b%b%b" % (self._wrapper, content, _END)
            return Tree(etree.fromstring(whole, parser), line)
        except etree.XMLSyntaxError:
            return None


def _form_of(section: Element, texts: Sequence[str]) -> _TextForm | None:
    """That of the invoice in an element, whose tags have these texts behind them."""
    nodes = nodes_of(section[0], None)
    invoice_layout(nodes)
    layout = invoice_layout(nodes)  # one that was met before: only such ones have forms
    form = layout.usual(nodes)
    places = [n for n, text in enumerate(texts) if text.strip(XML_BLANKS)]
    if form is None or [texts[n] for n in places] != [nodes[2][n] for n in form.present]:
        return None
    order = {node: n for n, node in enumerate(form.present)}
    values = [order.get(node, len(order)) for node in range(len(nodes[0]))]
    blank = sorted({*range(len(texts))}.difference(places))
    return _TextForm(layout, form, *map(picker, (places, blank, values)))


def _pieces(text: str) -> Iterator[str]:
    """The text, cut before each start tag such as it begins with."""
    tag = text[: text.index(">") + 1]
    start = 0
    while (end := text.find(tag, start + 1)) > 0:
        yield text[start:end]
        start = end
    yield text[start:]


def encoded(text: str) -> tuple[bytes, str]:
    """As ISO-8859-1 if it can be: Python writes that at once, and libxml2 reads it fast."""
    try:
        return text.encode("iso-8859-1"), "iso-8859-1"
    except UnicodeEncodeError:
        return text.encode(), "utf-8"
