"""What a file's name and its last bytes tell."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.filename import branch_of, is_complete


@pytest.mark.parametrize(
    ("filename", "branch"),
    [
        ("FR202Y2025_7-Gramido.xml", "Gramido"),
        ("FT1Y2024_12-Vila Nova de Gaia.XML", "Vila Nova de Gaia"),
        ("FR202Y2025_7-A-B.xml", "A-B"),
        ("FR202Y2025_7-São João", "São João"),
        ("FR202Y2025_7-.xml", None),
        ("FRA202Y2025_7-Gramido.xml", None),
        ("F202Y2025_7-Gramido.xml", None),
        ("FR202Y2025-Gramido.xml", None),
        ("saft.xml", None),
        ("", None),
    ],
)
def test_branch_of_a_name(filename: str, branch: str | None) -> None:
    assert branch_of(filename) == branch


@pytest.mark.parametrize(
    "tail",
    [
        b"...</AuditFile>",
        b"</AuditFile>\r\n",
        b"</n1:AuditFile >\n",
        b"</AuditFile><!-- made by X -->",
        "</AuditFile>\n".encode("utf-16-le"),
        "</AuditFile>\n".encode("utf-16-be"),
        b"</AuditFile>" + bytes(100),
    ],
)
def test_closing_tag_is_found(tail: bytes) -> None:
    assert is_complete(tail)


@pytest.mark.parametrize(
    "tail", [b"", b"</AuditFil", b"</AuditFile", b"<AuditFile>", b"</MyAuditFile>", b"</Invoice>"]
)
def test_cut_file_is_seen_as_incomplete(tail: bytes) -> None:
    assert not is_complete(tail)
