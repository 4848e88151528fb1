"""The line of a Line that a finding is about, found by a second look at the bytes."""

from __future__ import annotations

import io

import pytest

from saft_pipeline.saft.rules.findings import finding
from saft_pipeline.saft.rules.row_lines import with_row_lines

TEXT = b"""<A>
<Invoice>
<InvoiceNo>FT A/1</InvoiceNo>
<Line>
<LineNumber>1</LineNumber>
</Line>
</Invoice>
<n:Invoice>
<n:InvoiceNo>FT A/2</n:InvoiceNo>
<n:Line>
 <n:LineNumber> 1 </n:LineNumber>
</n:Line>
<n:Line><n:LineNumber>2</n:LineNumber></n:Line>
</n:Invoice>
</A>
"""


@pytest.mark.parametrize(
    ("document", "begins", "line"),
    [("FT A/1", 2, 4), ("FT A/2", 8, 10), ("FT A/3", 8, 8)],
)
def test_a_row_stands_where_its_line_begins_or_its_document(
    document: str, begins: int, line: int
) -> None:
    told = finding("product", begins, f"{document} line 1", None, None)
    assert with_row_lines(io.BytesIO(TEXT), [told]) == [told._replace(line=line)]


def test_the_second_row_of_a_document_has_its_own_line() -> None:
    told = finding("product", 8, "FT A/2 line 2", None, None)
    assert [f.line for f in with_row_lines(io.BytesIO(TEXT), [told])] == [13]


def test_what_is_said_of_a_document_keeps_its_line() -> None:
    told = finding("hash", 8, "FT A/2", None, None)
    assert with_row_lines(io.BytesIO(TEXT), [told]) == [told]


def test_a_file_on_one_line_is_read_in_pieces() -> None:
    text = TEXT.replace(b"\n", b"") + b" " * 300_000
    told = finding("product", 1, "FT A/2 line 1", None, None)
    assert with_row_lines(io.BytesIO(text), [told]) == [told]
