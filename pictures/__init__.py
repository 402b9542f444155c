"""Makes the README's picture from a recorded terminal session."""
