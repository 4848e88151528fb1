"""Backs up the embedded Postgres, and puts a backup back: the tables, and Dagster's history.

    python backup.py dump FOLDER       at any time, also while `saft up` runs
    python backup.py restore FOLDER    with `saft up` stopped; replaces what is there

SAFT_HOME says which server. FOLDER gets `tables.dump` and `history.dump`, in pg_dump's custom
format, made and read by the programs that belong to the server. Tables at SUPABASE_DB_URL are
backed up with pg_dump where they are; see .deploy/README.md.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

from saft_pipeline import settings
from saft_pipeline.dagster_runtime import storage
from saft_pipeline.embedded_postgres.place import binary
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store import opening

DUMPS = {"tables.dump": opening.DATABASE, "history.dump": storage.DATABASE}


def dump(server: EmbeddedPostgres, folder: Path) -> None:
    """Write the dumps; one is replaced only when the new one is whole."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, database in DUMPS.items():
        part = folder / f"{name}.part"
        run("pg_dump", "--format=custom", f"--file={part}", server.url(database))
        part.replace(folder / name)


def restore(server: EmbeddedPostgres, folder: Path) -> None:
    """Put the dumps back, each whole or not at all."""
    for name, database in DUMPS.items():
        whole = ["--clean", "--if-exists", "--single-transaction", "--no-owner"]
        run("pg_restore", *whole, f"--dbname={server.url(database)}", str(folder / name))


def run(program: str, *arguments: str) -> None:
    """Run one of the server's programs; its words go to stderr, and ours end with its status."""
    status = subprocess.run([binary(program), *arguments], check=False).returncode  # noqa: S603
    if status:
        sys.exit(f"{program} ended with status {status}; what it was to write is as it was")


def main() -> None:
    """Do what the command line says."""
    actions = {"dump": dump, "restore": restore}
    if len(sys.argv) != 3 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    home = settings.load().home
    with (home / "up.lock").open("a") as lock:
        if sys.argv[1] == "restore":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.exit(f"`saft up` runs with this SAFT_HOME ({home}): stop it first")
        with EmbeddedPostgres(home) as server:
            actions[sys.argv[1]](server, Path(sys.argv[2]))


main()
