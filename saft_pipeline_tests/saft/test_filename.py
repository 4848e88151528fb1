"""What a file's name says."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.filename import branch_of


@pytest.mark.parametrize(
    ("filename", "branch"),
    [
        ("FR202Y2025_7-Gramido.xml", "Gramido"),
        ("FT1Y2024_12-Vila Nova de Gaia.XML", "Vila Nova de Gaia"),
        ("FR202Y2025_7-A-B.xml", "A-B"),
        ("FR202Y2025_7-São João", "São João"),
        ("FR202Y2025_7-Gramido.xml.gz", "Gramido"),
        ("FR202Y2025_7-Gramido.XML.GZ", "Gramido"),
        ("FR202Y2025_7-.xml", None),
        ("FR202Y2025_7-.xml.gz", None),
        ("FRA202Y2025_7-Gramido.xml", None),
        ("F202Y2025_7-Gramido.xml", None),
        ("FR202Y2025-Gramido.xml", None),
        ("saft.xml", None),
        ("", None),
    ],
)
def test_branch_of_a_name(filename: str, branch: str | None) -> None:
    assert branch_of(filename) == branch
