"""A twin that fails once where it is told to."""

from orchestrator.core.errors import OrchestratorError


class Failing:
    """`next_failure` is raised once by the next call that writes."""

    def __init__(self) -> None:
        self.next_failure: OrchestratorError | None = None

    def _fail(self) -> None:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure
