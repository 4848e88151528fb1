"""The `saft` command: what people type. Words and progress go to stderr, `--json` to stdout."""

from saft_pipeline.cli.app import main

__all__ = ["main"]
