"""files: what a script makes or says arrives, or the script ends with 5 and one line that says why."""
import contextlib
import errno
import io
import os
import signal
import sys
from pathlib import Path


def fail(script, what, error):
    print(f"{script}: {what} cannot be written: {os.strerror(error.errno) if error.errno else error}", file=sys.stderr)
    sys.exit(5)


def write(script, path, content):
    """A whole file: beside its name first, then to disk, then under its name.  What was there stays if that fails.  OSError if
    it cannot be made at all; a device or a pipe is written to as it is."""
    path = Path(os.path.realpath(path))
    plain = path.is_file() or not path.exists()
    part = path.with_name(path.name + ".part") if plain else path
    descriptor = os.open(part, os.O_WRONLY | (os.O_CREAT | os.O_TRUNC if plain else 0), 0o666)
    try:
        with open(descriptor, "wb") as f:
            f.write(content)
            f.flush()
            if plain:
                os.fsync(descriptor)
        if plain:
            os.replace(part, path)
    except OSError as error:
        if plain:
            with contextlib.suppress(OSError):
                part.unlink()
        fail(script, f"'{path}'", error)


def draw(script, figure, path):
    """A matplotlib figure; its format follows from the name."""
    image = io.BytesIO()
    figure.savefig(image, format=Path(path).suffix[1:] or "png")
    write(script, path, image.getvalue())


def say(script, text):
    """A line, or more, on stdout.  A reader that has gone away ends the script, as it does other tools."""
    try:
        if sys.stdout is None:  # it was closed when Python started
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        print(text, flush=True)
    except OSError as error:
        if error.errno == errno.EPIPE:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGPIPE)
        if sys.stdout is not None:  # what is left in its buffer is not tried again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(script, "standard output", error)
