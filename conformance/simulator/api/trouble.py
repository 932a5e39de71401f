"""What can be wrong with the API server itself: answers 500 or 429 now and then, watches that break.

The switches are counters, so that two runs with the same requests meet the same trouble.
"""

from dataclasses import dataclass
from http import HTTPStatus

from conformance.simulator.api.errors import Refused


@dataclass
class Trouble:
    """Switches of the server; 0 means off."""

    error_every: int = 0
    """Every n-th request is answered 500."""
    throttle_every: int = 0
    """Every n-th request is answered 429 with Retry-After."""
    retry_after: int = 1
    """Seconds in that Retry-After."""
    drop_watch_after: int = 0
    """Watches break after so many events, without an ending."""
    validates: bool = True
    """Whether objects of resource.k8s.io are validated at all."""
    keeps_updates: bool = True
    """Whether what clients change on objects of resource.k8s.io is stored; it is answered as if it were."""
    starts_after: int = 0
    """So many requests are served well first."""
    seen: int = 0

    def strike(self) -> Refused | None:
        """The trouble that this request meets, or None."""
        self.seen += 1
        count = self.seen - self.starts_after
        if count <= 0:
            return None
        if self.error_every and count % self.error_every == 0:
            return Refused(
                HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "Internal error occurred: planted by the world"
            )
        if self.throttle_every and count % self.throttle_every == 0:
            message = "the server has received too many requests and has asked us to try again later"
            details = {"retryAfterSeconds": self.retry_after}
            headers = {"Retry-After": str(self.retry_after)}
            return Refused(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", message, details=details, headers=headers)
        return None
