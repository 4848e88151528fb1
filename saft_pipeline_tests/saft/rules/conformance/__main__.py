"""The conformance set as files: `python -m saft_pipeline_tests.saft.rules.conformance FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from saft_pipeline_tests.saft.rules.conformance import cases, varied

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rows = ["file\tfinds"]
for case in (*cases(), *varied()):
    (folder / f"{case.name}.xml").write_bytes(case.content)
    rows.append(f"{case.name}.xml\t{'; '.join(case.finds) or 'nothing'}")
(folder / "FINDS.tsv").write_text("\n".join(rows) + "\n", "utf-8")
