"""Tags by which people find a run among others: what all of its files have in common."""

from __future__ import annotations

from collections import defaultdict

from saft_pipeline.loading.file_load import Load
from saft_pipeline.visible import one_line

COMPANY, BRANCH, DOCUMENT_TYPES = "saft/company", "saft/branch", "saft/document_types"


class CommonTags:
    """Company (NIF), branch and document types (`FT NC`) of the files of a run."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = defaultdict(set)

    def add(self, load: Load) -> None:
        """Take a file into account, whatever became of it; what is not known of it is empty."""
        reading = load.reading
        types = sorted(reading.types) if reading and load.loaded else ()
        self._values[COMPANY].add((reading and reading.company_id) or "")
        self._values[BRANCH].add(load.file.branch or "")
        self._values[DOCUMENT_TYPES].add(" ".join(types))

    @property
    def tags(self) -> dict[str, str]:
        """Those that are the same for all files, and known."""
        alone = {tag: values for tag, values in self._values.items() if len(values) == 1}
        return {tag: one_line(value) for tag, (value,) in alone.items() if value}
