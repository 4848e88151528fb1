"""A code location of another team that uses this package: other tables, keys below a prefix."""

from __future__ import annotations

import os

import dagster as dg

from saft_pipeline.definitions import build_defs
from saft_pipeline.settings import load

DATABASE, FOLDER = "ANOTHER_TEAMS_DATABASE", "ANOTHER_TEAMS_FOLDER"


@dg.definitions
def defs() -> dg.Definitions:
    """Theirs, as the environment has it."""
    theirs = {"SUPABASE_DB_URL": os.environ[DATABASE], "SFTP_REMOTE_DIR": os.environ[FOLDER]}
    return build_defs(load({**os.environ, **theirs}), key_prefix="another_team")
