"""The lifespan protocol: before the first request, after the last, and apps that do not know it."""

from __future__ import annotations

import signal

from tests.support.served_app import ServedApp

APPS = "tests.server.lifespan_apps"


def lifespan(server: str, app: str, *arguments: str) -> ServedApp:
    return ServedApp(server, f"{APPS}:{app}", "--lifespan", *arguments)


def story(served: ServedApp) -> list[str]:
    """What happened, in order."""
    return [told.get("type", told["event"]) for told in served.events]


def test_startup_comes_before_and_shutdown_after(server: str) -> None:
    with lifespan(server, "good") as served:
        assert served.ask("/").status == 200
        served.signal()
        assert served.wait() == 0
    assert story(served) == [
        "lifespan",
        "lifespan.startup",
        "startup complete was sent",
        "ready",
        "lifespan.shutdown",
        "stopped",
    ]


def test_scope_of_lifespan(server: str) -> None:
    with lifespan(server, "good") as served:
        scope = served.event("lifespan")["scope"][1]
    assert scope["type"] == ["str", "lifespan"]
    assert scope["asgi"][1]["version"] == ["str", "3.0"]
    assert scope["asgi"][1]["spec_version"][1] in ("1.0", "2.0")
    assert scope["state"] == ["dict", {}]


def test_each_request_has_a_shallow_copy_of_the_state(server: str) -> None:
    with lifespan(server, "good") as served:
        assert served.ask("/write").status == 200
        state = served.ask("/").json[1]["state"]
    assert state == [
        "dict",
        {"number": ["int", 7], "shared": ["list", [["str", "from startup"], ["str", "one more"]]]},
    ]


def test_failed_startup_never_listens(server: str) -> None:
    served = lifespan(server, "startup_fails")
    served.spawn()
    assert served.wait() != 0
    assert "the flux is empty" in served.errors.text
    assert "ready" not in story(served)


def test_app_without_lifespan_is_served(server: str) -> None:
    for app in (f"{APPS}:unsupported", "tests.server.apps:plain"):
        with ServedApp(server, app, "--lifespan") as served:
            shown = served.ask("/").json[1]
            assert shown.get("state", ["dict", {}]) == ["dict", {}]
            served.signal()
            assert served.wait() == 0


def test_startup_that_raises_is_not_served_as_if_nothing_were(server: str) -> None:
    """The specification lets the server go on without lifespan; either way it says what was raised."""
    served = lifespan(server, "startup_raises")
    served.spawn()
    told = served.wait_for(lambda each: each["event"] in ("ready", "stopped"), "ready or stopped")
    if told["event"] == "ready":
        served.port = told["port"]
        served.signal()
    assert served.wait() in (0, 1, 3)
    assert "lifespan.shutdown" not in story(served)


def test_shutdown_that_fails_still_ends_the_process(server: str) -> None:
    for app in ("shutdown_fails", "shutdown_raises"):
        with lifespan(server, app) as served:
            served.signal()
            served.wait()
        assert story(served)[-1] == "stopped"


def test_shutdown_comes_after_the_drain(server: str) -> None:
    with lifespan(server, "good", "--drain", "0.2") as served, served.connect() as connection:
        connection.request("GET", "/hold")
        served.event("request began")
        served.signal(signal.SIGINT)
        served.wait()
    assert story(served)[-3:] == ["cancel_streams", "lifespan.shutdown", "stopped"]
