"""Who makes a request, as far as a key tells."""

from __future__ import annotations

from copilot_api.records import record


@record
class Caller:
    """The holder of a client key, and what the key is good for. The key itself is not in here."""

    id: str
    """Another for each key; empty where no key is needed."""
    name: str
    """What the user calls the key."""
    models: tuple[str, ...] = ()
    """Names, families and globs of the models that may be used; empty is all."""
    rate: int | None = None
    """Requests a minute."""
    concurrency: int | None = None
    """Requests in flight."""

    @property
    def restricted(self) -> bool:
        """Tell whether the key is good for less than everything."""
        return bool(self.models) or self.rate is not None or self.concurrency is not None


ANYONE = Caller("", "")
"""Who asks where no key is needed."""
