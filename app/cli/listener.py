"""The socket that a command listens on, bound before anything is started: a port that is taken is told at once."""

from __future__ import annotations

import errno
import socket

from app.cli.process import CommandFailed


def bound(host: str, port: int) -> socket.socket:
    """A TCP socket bound to this address, not listening yet. Raises CommandFailed."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CommandFailed(_refusal(host, port, error)) from error
    return listener


def bound_or_free(host: str, port: int) -> socket.socket:
    """As `bound`, but on any free port where this one is taken."""
    try:
        return bound(host, port)
    except CommandFailed:
        return bound(host, 0)


def url(listener: socket.socket) -> str:
    """The address of the GraphQL endpoint behind this socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken: stop what listens there, or set VECTORGATE_PORT to another one."
    return f"Port {port} of {host!r} cannot be listened on ({error.strerror}): set VECTORGATE_HOST and VECTORGATE_PORT."
