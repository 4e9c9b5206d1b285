"""The warm hit: from a few files to stdout, at the speed at which Python starts.

    question -> record -> entry -> document

The *question* is all that an answer depends on: the arguments, the variables, the files
that the plan was read from. A *record* in the folder of the cache says which entry
answers a question; it holds no secret, and ``records`` writes it after a run that took
the long way. The *entry* is the store's; its first field, the *stamp*, says from when
until when it may be handed out, and where in it the document stands.

Decides nothing: whatever is not exactly as it was found is a miss, and the long way is
taken. So this module is exactly as right as that. It does by hand what ``private``,
``engine.cache_folder`` and ``model.Life`` do, and tests hold them together.

Imports nothing that the interpreter has not got in memory: no ``os``, and not even
``__future__``. The launcher runs it without ``site``.
"""

import _imp
import sys
import time

if sys.platform != "win32":
    import posix

__all__ = [
    "ENTRY_BYTES_MAX",
    "IN_PROCESS",
    "answer",
    "checksum",
    "claim_name",
    "folder_of",
    "hit",
    "identity",
    "itself",
    "opening",
    "question",
    "record",
    "record_name",
    "stamp",
    "stamped",
]

FORMAT = b"sts-plugin warm 1"
"""Version of records and stamps; another one is a miss."""

ENTRY_BYTES_MAX = 65_536
"""``settings.ENTRY_BYTES_MAX``."""

COMMAND = "credential-process"

IN_PROCESS = "\0in process"
"""The first argument where a program asks: no command line has one like it."""

RECORD_BYTES_MAX = 32_768
"""A record has a line for each file; their paths have 4,096 bytes at most."""

SLOTS = 16
"""So many records are kept for the arguments of a command: shells, editors and tests
call it with variables of their own, and no more than that may pile up."""

PREFIXES = (b"AWS_", b"STS_PLUGIN_", b"LC_", b"PYTHON")
NAMES = frozenset({b"HOME", b"LANG", b"XDG_CACHE_HOME", b"XDG_DATA_HOME"})
"""Variables that the long way looks at: ours and AWS's, where folders are, and how text
is read and written."""

CODE = b"STS_PLUGIN_MFA_CODE"
"""What is for a run that somebody waits for, and not for one in the background."""

DESCRIPTORS_MAX = 65_536
"""What is looked at: some systems set no limit to what a program may have open."""

RENEWAL_NICENESS = 5
"""A renewal lets those go first who poll meanwhile."""

STAMP, STAMPED = b'{"stamp": "', b'", '

REGULAR, FOLDER, TYPE = 0o100000, 0o040000, 0o170000

CLAIM_SECONDS_MAX = 60
"""So often at most a renewal is started for a set that is not renewed yet."""


def checksum(data: bytes) -> bytes:
    """Return 32 hexadecimal digits that tell data from any other.

    That of the interpreter for its own caches (SipHash-1-3, PEP 552), twice: hashlib
    would cost more than all else here. Against mishaps, not against somebody: whoever
    can write to the cache has what is in it.
    """
    first = _imp.source_hash(0x7374732D706C7567, data)
    return (first + _imp.source_hash(0x696E2D7761726D31, data)).hex().encode()


# --- The question ---


def question(
    arguments: list[str], environ: dict[bytes, bytes], package: str
) -> bytes | None:
    """Return what tells a question from any other; None: only the long way knows.

    ``environ`` is that of the process as it began, ``package`` the folder of this
    package: another version of it is another question.
    """
    if arguments[:1] not in ([COMMAND], [IN_PROCESS]):
        return None
    ours = identity(f"{package}/__init__.py".encode(*_encoding()))
    if ours is None or ours == b"-":
        return None
    said = [
        name + b"=" + value
        for name, value in environ.items()
        if name in NAMES or name.startswith(PREFIXES)
    ]
    words = [word.encode(*_encoding()) for word in arguments]
    parts = (FORMAT, ours, *words, b"", *sorted(said))
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def _encoding() -> tuple[str, str]:
    # How the interpreter made text of the bytes that the process was given.
    return sys.getfilesystemencoding(), "surrogateescape"


def folder_of(environ: dict[bytes, bytes]) -> bytes | None:
    """Return the folder of the cache: the same as ``engine.cache_folder``, or None."""
    folder = environ.get(b"STS_PLUGIN_CACHE_DIR", b"")
    xdg = environ.get(b"XDG_CACHE_HOME", b"")
    home = environ.get(b"HOME", b"").rstrip(b"/")
    if not folder:
        if sys.platform == "linux":
            base = xdg or (home and home + b"/.cache")
        else:
            base = home + b"/Library/Caches" if home and not xdg else b""
        folder = base and base.rstrip(b"/") + b"/sts-plugin"
    # A slash at its end would let a link be followed.
    folder = folder.rstrip(b"/")
    return folder if folder.startswith(b"/") else None


def identity(path: bytes) -> bytes | None:
    """Return what tells a file from all that it was or will be.

    b"-" is what counts as absent: no file, or nothing that is one. None is not sure.
    Any change to a file changes its ctime, which programs cannot set. It is opened, and
    not only looked at, since that is when NFS asks its server. On Windows, where a
    ctime says when a file was made, nothing is sure.
    """
    if sys.platform == "win32":
        return None
    try:
        if posix.stat(path).st_mode & TYPE != REGULAR:
            return b"-"
        descriptor = posix.open(
            path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC
        )
        try:
            found = posix.fstat(descriptor)
        finally:
            posix.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return b"-"
    except (OSError, ValueError):
        return None
    if found.st_mode & TYPE != REGULAR:
        return None
    return b"%d:%d:%d:%d:%d" % (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


# --- Records and stamps ---


def record_name(arguments: list[str], asked: bytes) -> str:
    """Return the name of the record of a question."""
    words = "\0".join(arguments).encode(*_encoding())
    slot = int(checksum(asked)[:8], 16) % SLOTS
    return f"{checksum(words).decode()}.{slot:x}.warm"


def record(
    asked: bytes,
    key: str,
    files: dict[bytes, bytes],
    *,
    renewable: bool,
    notes: tuple[str, ...] = (),
) -> bytes:
    """Return a record: ``files`` are identities by path.

    ``renewable``: whether the entry may be renewed by a process in the background.
    ``notes`` are words for whoever asks in process.
    """
    lines = [
        FORMAT,
        checksum(asked),
        key.encode(),
        " ".join(("renewable" if renewable else "-", *notes)).encode(),
        *(found + b" " + path for path, found in files.items()),
    ]
    text = b"\n".join(lines)
    return text + b"\n" + checksum(text)


def stamp(entry: bytes, document: bytes, moments: tuple[int, int, int, int]) -> bytes:
    """Return the JSON object of an entry with a stamp before its other fields.

    ``document`` is in it, as it is to be printed. ``moments`` are microseconds of the
    epoch: from when it may be handed out, from when it should be renewed, from when it
    may be handed out no more, and from when no more by a program that renews it
    meanwhile.
    """
    fields = entry[1:]
    said = b"%d %d %d %d %d %d" % (*moments, fields.index(document), len(document))
    return STAMP + said + b" " + checksum(said + fields) + STAMPED + fields


def stamped(data: bytes) -> tuple[bytes, list[int]] | None:
    """Return what stands behind the stamp of an entry, and what that says.

    None for an entry without a sound one.
    """
    first, _, fields = data.partition(STAMPED)
    said, _, found = first.removeprefix(STAMP).rpartition(b" ")
    if not data.startswith(STAMP) or found != checksum(said + fields):
        return None
    return fields, [int(word) for word in said.split(b" ")]


def opening(key: str) -> bytes:
    """Return what stands behind the stamp of the entry of a key at first."""
    return b'"version": 1, "key": "%b", ' % key.encode()


def claim_name(key: str, early: int, until: int, now: int) -> str:
    """Return the name of the file that whoever starts a renewal now must make.

    The moments are as for ``stamp``. A set has such a name for each minute, at most,
    from when it should be renewed.
    """
    span = min(CLAIM_SECONDS_MAX * 1_000_000, until - early)
    return f"{key}.{early}.{(now - early) // max(span, 1)}.claim"


# --- The hit ---


def hit(arguments: list[str], package: str, *program: str) -> int | None:
    """Answer on stdout, and return the exit code; None where the long way must.

    ``program`` is what goes the long way, where that is not this interpreter.
    """
    try:
        if sys.stdout is None or arguments[:1] != [COMMAND]:
            return None
        _leave_no_dump()
        found = answer(arguments, posix.environ, package)
    except Exception:  # noqa: BLE001 - not sure means miss, whatever it is
        return None
    if found is None:
        return None
    document, claim, _ = found
    code = _print(document + b"\n")
    if code == 0 and claim:
        _renew([*(program or itself()), "renew", *arguments[1:]], claim, posix.environ)
    return code


def answer(
    arguments: list[str],
    environ: dict[bytes, bytes],
    package: str,
    *,
    late: bool = False,
) -> tuple[bytes, str, list[str]] | None:
    """Return the document, the claim by which to renew it, or "", and the notes.

    None, or any exception: only the long way knows. ``late``: a set that is renewed
    meanwhile is good for as long as botocore does not insist on another.
    """
    asked, path = question(arguments, environ, package), folder_of(environ)
    if asked is None or path is None:
        return None
    folder = _opened(path)
    try:
        data = _private(record_name(arguments, asked), folder, RECORD_BYTES_MAX)
        answering = _answering(data, asked)
        if answering is None:
            return None
        key, (renewable, *notes) = answering
        found = stamped(_private(f"{key}.json", folder, ENTRY_BYTES_MAX))
    finally:
        posix.close(folder)
    if found is None:
        return None
    fields, (begins, early, until, last, offset, length) = found
    now = time.time_ns() // 1000
    may_renew = renewable == "renewable"
    end = last if late and may_renew else until
    if not begins <= now < end or not fields.startswith(opening(key)):
        return None
    due = may_renew and now >= early
    claim = claim_name(key, early, until, now) if due else ""
    return fields[offset : offset + length], claim, notes


def _leave_no_dump() -> None:
    """Do what ``core_dumps`` does, where it is not done by the launcher's ``ulimit``.

    Linux minds that limit only where dumps are files; a program that they are piped to
    gets them all the same, unless the limit is 1. Then a module must be loaded for it.
    """
    if sys.platform != "linux":
        return
    try:
        pattern = posix.open(
            "/proc/sys/kernel/core_pattern", posix.O_RDONLY | posix.O_CLOEXEC
        )
        piped = posix.read(pattern, 1) == b"|"
        posix.close(pattern)
    except OSError:
        piped = True
    if piped:
        import resource  # noqa: PLC0415 - a shared library, for some systems only

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard else 0, hard))


def _opened(path: bytes) -> int:
    """Return the folder of the cache, open; raise OSError if it is not ours alone."""
    folder = posix.open(
        path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
    )
    found = posix.fstat(folder)
    if found.st_uid != posix.geteuid() or found.st_mode & (TYPE | 0o077) != FOLDER:
        posix.close(folder)
        raise OSError("others can enter it")
    return folder


def _private(name: str, folder: int, most: int) -> bytes:
    """Return what a file of ours holds, nothing if it is not to be trusted."""
    descriptor = posix.open(
        name,
        posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW | posix.O_CLOEXEC,
        dir_fd=folder,
    )
    try:
        found = posix.fstat(descriptor)
        private = (
            found.st_mode & (TYPE | 0o077) == REGULAR
            and found.st_nlink <= 1
            and found.st_uid == posix.geteuid()
            and found.st_size <= most
        )
        data = posix.read(descriptor, most + 1) if private else b""
    finally:
        posix.close(descriptor)
    return data if len(data) == found.st_size else b""


def _answering(data: bytes, asked: bytes) -> tuple[str, list[str]] | None:
    """Return the key of the entry that a record names for a question, if it holds.

    What else it says of it comes with it.
    """
    text, _, found = data.rpartition(b"\n")
    if found != checksum(text):
        return None
    version, question_of, key, said, *files = text.split(b"\n")
    if version != FORMAT or question_of != checksum(asked):
        return None
    for file in files:
        known, _, path = file.partition(b" ")
        if identity(path) != known:
            return None
    return key.decode(), said.decode().split(" ")


def _print(data: bytes) -> int | None:
    """Write to stdout; return the exit code, None if nothing could be written."""
    left = data
    while left:
        try:
            left = left[posix.write(1, left) :]
        except OSError:
            if left == data:
                return None
            posix.write(2, b"sts-plugin: stdout cannot be written\n")
            return 1
    return 0


def itself() -> list[str]:
    """Return the words by which this interpreter runs this package once more."""
    flags = ["-E"] if sys.flags.ignore_environment else []
    return [sys.executable, *flags, "-P", "-m", "sts_plugin"]


def _renew(command: list[str], claim: str, environ: dict[bytes, bytes]) -> None:
    """Start a process that renews the entry, unless somebody else has made the claim.

    It has no terminal and nothing of our caller's: an SDK waits until nobody holds its
    pipe any more.
    """
    if posix.getppid() == 1:
        return  # a container's own program, which may never ask what its children did
    try:
        folder = _opened(folder_of(environ) or b"")
        made = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL
        claimed = posix.open(
            claim, made | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o600, dir_fd=folder
        )
        posix.fchmod(claimed, 0o600)  # umask 0777 took it away
        posix.closerange(3, min(posix.sysconf("SC_OPEN_MAX"), DESCRIPTORS_MAX))
        posix.nice(RENEWAL_NICENESS)  # we are about to end
        posix.posix_spawn(
            command[0],
            command,
            {name: value for name, value in environ.items() if name not in {b"", CODE}},
            file_actions=[
                (posix.POSIX_SPAWN_OPEN, 0, "/dev/null", posix.O_RDWR, 0),
                (posix.POSIX_SPAWN_DUP2, 0, 1),
                (posix.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsid=True,
        )
    except Exception:  # noqa: BLE001 - what was handed out is good for a while
        return
