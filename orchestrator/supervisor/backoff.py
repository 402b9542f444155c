"""How long to wait before a part that died is started again. Pure."""

from dataclasses import dataclass, replace

FIRST = 0.1
LONGEST = 30.0
CALM = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """`delay` comes before the next start; `failures` counts deaths without a calm time between them."""

    delay: float = 0.0
    failures: int = 0

    def died(self, lived: float) -> "Backoff":
        """After a death: the delay doubles, unless the part had lived long enough to be called sound."""
        if lived >= CALM:
            return Backoff(FIRST, 1)
        return replace(self, delay=min(max(self.delay * 2, FIRST), LONGEST), failures=self.failures + 1)
