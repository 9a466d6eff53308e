"""What the operating system refused, as one sentence: where, what it says, and how to mend it.

Python raises an OSError then. Libraries written in other languages have errors of their own, which at best name the
number or the words of the system's error in their text.
"""

import errno
import os
import re
import resource
import shutil
import traceback
from pathlib import Path

from viper.errors import ViperError

SPARE = 1_000_000  # bytes: a disk with less is full, whatever a library says
LEAST_ADDRESSES = 10**9  # bytes of address space that importing torch and what belongs to it takes on two cores

_RIGHTS = "see with `ls -ld` whose it is, and ask for the right, or work in a clone of your own"
_REMEDIES = {
    errno.ENOSPC: "no space left on this disk, or your quota is used up. What was whole before still is: free some "
    "space, then run again",
    errno.EROFS: "this disk is read-only: mount it for writing, or work in a clone on another one",
    errno.EFBIG: "the file would be larger than is allowed: raise `ulimit -f`, or work on a disk without such a limit",
    errno.EACCES: f"permission denied: {_RIGHTS}",
    errno.EPERM: f"operation not permitted: {_RIGHTS}",
    errno.ENOENT: "no such file or folder: name one that is there, or make it first",
    errno.EEXIST: "something of that name is there already: move it away",
    errno.ENOTDIR: "not a folder, where one is needed: move that file away, or name another place",
    errno.EISDIR: "a folder, where a file is needed: move it away, or name a file",
    errno.ENOTEMPTY: "the folder is not empty: move away what is in it, or end who writes there",
    errno.ENAMETOOLONG: "the name is too long for this disk: work in a folder with a shorter path",
    errno.EMFILE: "too many open files: raise `ulimit -n`",
    errno.ENFILE: "too many open files on this machine: end what else runs there",
    errno.ENOMEM: "cannot allocate memory: raise `ulimit -v` or the memory of the job, or do less at once",
    errno.EAGAIN: "no process, thread or memory to be had: raise `ulimit -u`, or end what else runs",
    errno.EIO: "the disk failed to read or write: save what matters, and work on another one",
    errno.ESTALE: "the network disk no longer knows this file: leave the folder and enter it again, or mount it again",
    errno.EINVAL: "this disk cannot do that: work on another one",
    errno.ENOTSUP: "this disk cannot do that: work on another one",
}
_REMEDIES[errno.EDQUOT] = _REMEDIES[errno.ENOSPC]
_LIMITED = "only {} MB of address space are allowed here, {}: raise `ulimit -v`, or lift it (`ulimit -v unlimited`)"
_NUMBER = re.compile(r"\b(?:os error|errno)[ :]+(\d+)", re.IGNORECASE)
# What libraries say that drop the number.
_WORDS = {
    "no space left on device": errno.ENOSPC,
    "read-only file system": errno.EROFS,
    "file too large": errno.EFBIG,
    "permission denied": errno.EACCES,
    "too many open files": errno.EMFILE,
    "cannot allocate memory": errno.ENOMEM,
    "can't allocate memory": errno.ENOMEM,
    "failed to map segment from shared object": errno.ENOMEM,
    "can't start new thread": errno.EAGAIN,
    "resource temporarily unavailable": errno.EAGAIN,
    "stale file handle": errno.ESTALE,
    "input/output error": errno.EIO,
}
_LIBRARIES = ("SafetensorError", "ArrowException", "ArrowInvalid")  # neither OSError nor RuntimeError
_TORCH_WRITER = ("PytorchStreamWriter", "unexpected pos")  # never names the cause


def explain(error: BaseException, place: str | Path | None = None) -> str | None:
    """One sentence for an error behind which the system is; None for any other, such as a mistake in the code.

    Args:
        place: the file or folder that was worked on, for errors that name none.
    """
    number = number_of(error, place)
    if number is None and place is not None and is_full(place):
        number = errno.ENOSPC
    if number is None:
        return _own_words(error) if isinstance(error, OSError) else None
    names = [os.fsdecode(name) for name in _names(error)]
    where = " and ".join(dict.fromkeys(names)) or place or "standard output, or an open file"
    remedy = _REMEDIES.get(number, f"{os.strerror(number).lower()}: mend that, then run again")
    return f"{where}: {remedy} (errno {number})"


def check_address_space() -> None:
    """Stop where too little address space is allowed for the imports; some libraries would crash for want of it.

    Raises:
        ViperError: the limit, and what to do.
    """
    limit = _address_space()
    if limit is not None and limit < LEAST_ADDRESSES:
        raise ViperError(_LIMITED.format(limit // 10**6, f"and importing takes {LEAST_ADDRESSES // 10**6}"))


def explain_import(error: BaseException) -> str | None:
    """One sentence for an error of an import under a limit of address space, which has many faces; None for others."""
    limit = _address_space()
    names = [(frame.f_code.co_name, frame.f_globals["__name__"]) for frame, _ in traceback.walk_tb(error.__traceback__)]
    is_import = isinstance(error, ImportError) or any(
        code == "<module>" and module != "__main__" for code, module in names
    )
    if limit is None or not is_import:
        return None
    failed = f"and an import failed under that limit ({type(error).__name__}, {_first_line(error)})"
    return _LIMITED.format(limit // 10**6, failed)


def _address_space() -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def number_of(error: BaseException, place: str | Path | None = None) -> int | None:
    """The system's number of what is behind an error; None where it is not the system that refused."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if not isinstance(error, OSError | ImportError | RuntimeError) and type(error).__name__ not in _LIBRARIES:
        return None
    text = str(error)
    if found := _NUMBER.search(text):
        return int(found.group(1))
    named = next((number for words, number in _WORDS.items() if words in text.lower()), None)
    if named is None and any(words in text for words in _TORCH_WRITER):
        return _unsaid(place)
    return named


def is_full(place: str | Path) -> bool:
    """Whether the disk of a file or folder, which need not be there yet, has no space left."""
    there = next(folder for folder in (Path(place).absolute(), *Path(place).absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free < SPARE


def _unsaid(place: str | Path | None) -> int:
    """Why writing failed, of a library that does not say: a full disk, a limit of the file's size, or the disk."""
    if place is not None and is_full(place):
        return errno.ENOSPC
    limited = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    return errno.EFBIG if limited else errno.EIO


def _names(error: BaseException) -> list[str | bytes]:
    """The paths that an error names; the number of an open file is none."""
    named = (getattr(error, "filename", None), getattr(error, "filename2", None))
    return [name for name in named if isinstance(name, str | bytes) and name]


def _own_words(error: BaseException) -> str:
    """What a library's OSError says without a number of the system, such as transformers of a file that it misses."""
    return f"{_first_line(error)} ({type(error).__name__}; VIPER_LOG=DEBUG shows where)"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
