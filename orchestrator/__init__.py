"""A team of Codex agents, one container each."""

__version__ = "0.1.0"
