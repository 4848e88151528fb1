"""The quirks by name, with who is known to have them; a server has the quirks of several names."""

from dataclasses import dataclass, replace
from typing import Literal

from saft_pipeline.sftp import wire

Refusal = Literal["denied", "failure", "close"]


@dataclass(frozen=True)
class Behaviour:
    """How a server behaves; the defaults are those of a good one."""

    shared_handles: bool = False
    mode_in_listing: bool = True
    attributes_in_listing: bool = True
    mode_in_stat: bool = True
    useful_long_names: bool = True
    fstat: Literal["works", "refused", "unsupported", "says zero"] = "works"
    times: bool = True
    sizes: bool = True
    missing_is: int = 2  # NO_SUCH_FILE
    words_in_status: bool = True
    gone_once_read: bool = False
    open_files: int | None = None
    requests: int | None = None
    refusal: Refusal = "failure"
    stat_time_shift: int = 0
    listed_time_shift: int = 0
    time_is_now: bool = False
    size: Literal["true", "zero", "more"] = "true"
    removes: Literal["really", "only says so"] = "really"
    renames: Literal["really", "only says so", "unsupported"] = "really"
    read_only: bool = False
    ends_with: Literal["EOF", "no name", "OK", "itself"] = "EOF"
    answers_at_end: bool = True
    one_answer: bool = False
    huge: bool = False
    odd_names: bool = False
    strange_replies: bool = False
    drip: Literal["", "bytes", "names", "data"] = ""
    drips_from: int | None = None
    claims: int = 0
    version: int = 3
    lstat: bool = True
    posix_rename: Literal["none", "only in words"] = "none"
    answers_close: bool = True
    backwards: bool = False
    most_answers: int | None = None
    longest_read: int | None = None
    words: bytes = b""
    more_flags: int = 0
    own_attributes: bool = False
    end_flag: bool = False
    excess: int = 0
    most_read: int = 32 * 1024
    any_order: bool = True
    reads_over_end: bool = True
    file_end: int = wire.EOF
    opens_anything: bool = False


GOOD = Behaviour()
QUIRKS: dict[str, Behaviour] = {
    # Erlang/OTP's ssh_sftpd gives a handle again that is in use (seen with OTP 25).
    "one handle for several": Behaviour(shared_handles=True),
    # SolarWinds: the type is in the long name only; others leave it out altogether.
    "type in the long name": Behaviour(mode_in_listing=False, mode_in_stat=False),
    "type by stat": Behaviour(mode_in_listing=False, useful_long_names=False),
    "no attributes": Behaviour(attributes_in_listing=False, useful_long_names=False),
    "no types at all": Behaviour(
        mode_in_listing=False, mode_in_stat=False, useful_long_names=False
    ),
    # npm's ssh2-sftp-server, pkg/sftp's request server; WS_FTP (pkg/sftp #288).
    "fstat refused": Behaviour(fstat="refused"),
    "fstat unsupported": Behaviour(fstat="unsupported"),
    # What follows was reported to the projects named: ssh2-streams #36, phpseclib #1248 (ProFTPD
    # without SFTP times), ssh2-streams #70 (z/OS), sshj #817, ssh2 #1116.
    "fstat says zero": Behaviour(fstat="says zero"),
    "no times": Behaviour(times=False),
    "no sizes": Behaviour(sizes=False),
    "what is missing is a failure": Behaviour(missing_is=4, words_in_status=False),
    "no words in a status": Behaviour(words_in_status=False),
    # WS_FTP (phpseclib #1708, asyncssh #587) and Huawei's VRP (asyncssh #530): version 4's flags.
    "flags of version 4": Behaviour(more_flags=0x30),
    "attributes of its own": Behaviour(own_attributes=True),
    # libssh2 #424: version 6's end-of-file after the data.
    "a flag after data": Behaviour(end_flag=True),
    # Apache MINA SSHD #468: 8,316 bytes more than asked, now and then.
    "more bytes than asked": Behaviour(excess=8316),
    # asyncssh #814 (OpenSSH for Windows): its limits say 261,120, it gives 102,400.
    "less than its limits say": Behaviour(longest_read=261_120, most_read=102_400),
    # SSH.NET #754, C2FO/vfs #100: "read from 13 for 32768 from 32785 not supported".
    "reads in order only": Behaviour(any_order=False),
    # Apache MINA SSHD (SSHD-725): the end for a read that goes over it, whatever lies before.
    "no read over the end": Behaviour(reads_over_end=False),
    "silent over the end": Behaviour(reads_over_end=False, answers_at_end=False),
    # pkg/sftp #253: a folder's handle for whatever path.
    "no types, opens anything": Behaviour(
        mode_in_listing=False, mode_in_stat=False, useful_long_names=False, opens_anything=True
    ),
    "a failure at the end": Behaviour(file_end=wire.FAILURE),
    "a failure at the end, sizes zero": Behaviour(file_end=wire.FAILURE, size="zero"),
    "a failure at the end, sizes more": Behaviour(file_end=wire.FAILURE, size="more"),
    # Sterling B2B: a mailbox's message is gone once it was read.
    "gone once read": Behaviour(gone_once_read=True, fstat="refused"),
    # rclone #1381 and #9072: a second open file is denied; multipass #1950: libssh's 256 handles.
    "1 open file denied": Behaviour(open_files=1, refusal="denied"),
    "1 open file": Behaviour(open_files=1),
    "8 open files": Behaviour(open_files=8, refusal="denied"),
    "10 open files": Behaviour(open_files=10, refusal="close"),
    "64 open files": Behaviour(open_files=64),
    "1 request": Behaviour(requests=1),
    "8 requests": Behaviour(requests=8, refusal="denied"),
    "10 requests": Behaviour(requests=10, refusal="close"),
    "listing and stat disagree": Behaviour(listed_time_shift=-3600),
    "listing a minute behind": Behaviour(listed_time_shift=-60),
    "times are now": Behaviour(time_is_now=True),
    "times an hour later": Behaviour(listed_time_shift=3600, stat_time_shift=3600),
    "sizes are zero": Behaviour(size="zero"),
    "sizes are 16 too many": Behaviour(size="more"),
    "removes only in words": Behaviour(removes="only says so"),
    "renames only in words": Behaviour(renames="only says so"),
    "renames unsupported": Behaviour(renames="unsupported"),
    "read-only": Behaviour(read_only=True),
    "ends without a name": Behaviour(ends_with="no name"),
    "ends with OK": Behaviour(ends_with="OK"),
    # AWS Transfer (libssh2 #269): a whole folder in one answer, here of more than a megabyte.
    "a folder in one answer": Behaviour(one_answer=True),
    "never ends": Behaviour(ends_with="itself"),
    "silent at the end": Behaviour(answers_at_end=False),
    "a size over 2^63": Behaviour(huge=True),
    "names too long": Behaviour(odd_names=True),
    "replies to nothing": Behaviour(strange_replies=True),
    "a byte at a time": Behaviour(drip="bytes"),
    "a name at a time": Behaviour(drip="names"),
    "a byte of a file at a time": Behaviour(drip="data"),
    "drips from open": Behaviour(drips_from=wire.OPEN),
    "drips from close": Behaviour(drips_from=wire.CLOSE),
    "drips from stat": Behaviour(drips_from=wire.STAT),
    "drips from mkdir": Behaviour(drips_from=wire.MKDIR),
    "drips from rename": Behaviour(drips_from=wire.RENAME),
    # What the draft allows: answers in another order than requests.
    "answers backwards": Behaviour(backwards=True),
    "lstat unsupported": Behaviour(lstat=False),
    "posix-rename in words": Behaviour(posix_rename="only in words"),
    "never answers a close": Behaviour(answers_close=False),
    "closes after 150 answers": Behaviour(most_answers=150),
    "reads of one byte by its limits": Behaviour(longest_read=1),
    "no types and 1 open file": Behaviour(
        mode_in_listing=False, mode_in_stat=False, useful_long_names=False, open_files=1
    ),
    "version 4": Behaviour(version=4),
    "a megabyte of words": Behaviour(words=b"no " * 350_000, open_files=0),
    "claims 2^40 bytes": Behaviour(claims=1 << 40, drip="data"),
}

HARMLESS = [
    name
    for name, behaviour in QUIRKS.items()
    if not (behaviour.gone_once_read or behaviour.read_only or behaviour.huge)
    and behaviour.removes == behaviour.renames == "really"
    and not behaviour.odd_names
    and behaviour.times
    and behaviour.drips_from is None
    and behaviour.version == 3
    and not (behaviour.words or behaviour.claims)
    and not (behaviour.time_is_now or behaviour.stat_time_shift)
]
"""Those that lose no files, leave nothing on the server for good, and don't lie about times, nor
call every file a large one, which has a run of its own."""


def behaviour_of(*names: str) -> Behaviour:
    """Put several quirks together."""
    together = GOOD
    for name in names:
        own = QUIRKS[name]
        changed = {f: v for f, v in vars(own).items() if v != getattr(GOOD, f)}
        together = replace(together, **changed)
    return together
