"""Who may come in."""

import hmac

SESSIONS = {"ana": "9f86d081884c7d65"}


def signed(user: str, key: bytes) -> str:
    """What a cookie of the user's ends with."""
    return hmac.new(key, user.encode(), "sha256").hexdigest()


def allowed(user: str, token: str) -> bool:
    """Whether this is the token of the user's session."""
    return SESSIONS.get(user) == token
