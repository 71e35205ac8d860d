"""The store that several gateways share (``--shared``): is it there, and does it let us in."""

from __future__ import annotations

from copilot_api.doctor.findings import Finding, found, ok
from copilot_api.doctor.situation import Situation
from copilot_api.redaction import redact


def store(situation: Situation) -> list[Finding]:
    """Ask it for a sign of life."""
    url = situation.settings.shared
    if url is None:
        return [ok("store", "none; this gateway counts for itself")]
    try:
        import redis

        from copilot_api.shared.link import connection
    except ImportError:
        return [found("store-package-missing", "--shared needs the package redis, which is not installed")]
    try:
        client = connection(url, situation.patience)
        try:
            client.ping()
        finally:
            client.close()
    except ValueError as error:
        return [found("store-refuses", f"--shared: {redact(str(error), (url,))}")]
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
        return [found("store-refuses", "the store asks for another user or password")]
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        return [found("store-away", f"the store does not answer: {type(error).__name__}")]
    except redis.RedisError as error:
        return [found("store-refuses", f"the store answers: {redact(str(error), (url,))}")]
    return [ok("store", "it answers")]
