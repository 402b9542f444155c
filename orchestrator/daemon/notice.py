"""Telling the systemd that started the daemon how far it is: sd_notify(3)."""

import os
import socket
from enum import StrEnum

VARIABLE = "NOTIFY_SOCKET"


class Notice(StrEnum):
    """`systemctl start` ends with the first; with the second, the next start waits for the end."""

    READY = "READY=1"
    STOPPING = "STOPPING=1"


def notify(notice: Notice) -> None:
    """Nothing where nobody waits for it; OSError where nobody takes it."""
    address = os.environ.get(VARIABLE, "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(notice.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
