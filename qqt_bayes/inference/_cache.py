"""Keep numba's cache on disk honest.

Numba checks only the file of the function itself, but compiled code contains the functions it calls
from other files. After a change in one of them (a ``git pull``, say) it would run the old code
without a word. So the sources of all kernels are stamped together, and a cache with another stamp
is dropped.
"""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
STAMP = "kernels.stamp"


def drop_stale(folder: Path = FOLDER) -> bool:
    """Delete compiled kernels that were made from other sources; whether any were there."""
    cache = folder / "__pycache__"
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    stamp = cache / STAMP
    try:
        if stamp.read_text() == digest.hexdigest():
            return False
    except OSError:
        pass
    stale = [*cache.glob("*.nbi"), *cache.glob("*.nbc")]
    try:
        for path in stale:
            path.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        part = stamp.with_suffix(".part")
        part.write_text(digest.hexdigest())
        part.replace(stamp)
    except OSError:  # a read-only installation: numba then keeps its cache in the user's folder
        pass
    return bool(stale)
