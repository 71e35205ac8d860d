"""``copilot-api auth status`` and ``auth explain``: who is signed in, with what, and why with that."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.configuration import Configuration
from copilot_api.copilot.headers import copilot_headers
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.flags import build_engine
from copilot_api.engine.interfaces import EngineError
from copilot_api.github.account import fetch_login, fetch_usage
from copilot_api.github.calls import GitHubRefused
from copilot_api.github.credentials import PROFILES, TokenFile
from copilot_api.github.headers import CLIENT_ID, github_headers
from copilot_api.github.kinds import kind_of, masked
from copilot_api.github.sources import Source, all_sources, chosen
from copilot_api.github.subscription import Subscription, read_subscription
from copilot_api.records import record
from copilot_api.redaction import MASK, Secret, one_line, redact
from copilot_api.settings import Settings

_ASKING = "Asking GitHub who this is …"
SIGN_IN = "sign in with `copilot-api auth`"


@record
class _Answer:
    """What GitHub said of a token. `accepted` is None when it could not be asked."""

    accepted: bool | None
    login: str = ""
    subscription: Subscription | None = None
    error: str = ""


def status(invocation: Invocation, configuration: Configuration, file: TokenFile) -> int:
    """Say who is signed in. 1 when nobody is, or GitHub refuses the token."""
    settings = configuration.settings
    source = chosen(all_sources(settings, configuration.origins, file, os.environ))
    with waiting(invocation.steps, _ASKING):
        answer = _ask(settings, source)
    facts = _facts(settings, file, source, answer)
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(facts, indent=2))
    else:
        invocation.console.plain("\n".join(_status_lines(facts)))
    return 0 if source is not None and source.token and answer.accepted is not False else 1


def explain(invocation: Invocation, configuration: Configuration, file: TokenFile) -> int:
    """Say which credential a start would use, and why; 1 when there is none."""
    settings = configuration.settings
    sources = all_sources(settings, configuration.origins, file, os.environ)
    used = chosen(sources)
    with waiting(invocation.steps, _ASKING):
        answer = _ask(settings, used)
    facts = {
        "sources": [_source(each, used) for each in sources],
        "used": None if used is None or used.problem else used.name,
        **_facts(settings, file, used, answer),
        "identity": _identity(settings),
    }
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(facts, indent=2))
    else:
        invocation.console.plain("\n".join(_explain_lines(facts)))
    return 0 if used is not None and used.token and not used.problem else 1


def _ask(settings: Settings, source: Source | None) -> _Answer:
    if source is None or source.token is None or source.problem:
        return _Answer(None)
    token = source.token

    async def ask() -> _Answer:
        client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
        try:
            try:
                found = read_subscription(await fetch_usage(client, settings, token))
            except GitHubRefused as error:
                if error.status == 401:
                    return _Answer(accepted=False, error=str(error))
                # The account may have no Copilot at all: it is signed in nevertheless.
                login = await fetch_login(client, settings, token)
                return _Answer(accepted=True, login=login, error=str(error))
            return _Answer(accepted=True, login=found.login if found else "", subscription=found)
        except EngineError as error:
            return _Answer(None, error=str(error))
        finally:
            await client.aclose()

    return run_loop(ask())


def _facts(settings: Settings, file: TokenFile, source: Source | None, answer: _Answer) -> dict[str, Any]:
    token = source.token if source is not None and not source.problem else None
    kind = kind_of(token) if token else None
    subscription = answer.subscription
    return {
        "signed_in": token is not None and answer.accepted is not False,
        "accepted_by_github": answer.accepted,
        "login": answer.login or None,
        "host": settings.github_host or "github.com",
        "profile": settings.profile or "default",
        "other_profiles": _other_profiles(settings, file),
        "token": None
        if token is None or kind is None or source is None
        else {
            "from": source.name,
            "kind": kind.name,
            "what": kind.title,
            "says": kind.says,
            "since": _since(file) if source.name == file.place else None,
        },
        "plan": subscription.plan if subscription else None,
        "sku": subscription.sku if subscription else None,
        "billed_in": subscription.unit if subscription else None,
        "paid_by": _payer(kind.name if kind else "", subscription),
        "quota_resets": subscription.resets if subscription else None,
        "problem": (source.problem if source else "") or _without(answer.error, token) or None,
    }


def _payer(kind: str, subscription: Subscription | None) -> str | None:
    if kind == "installation":
        return "the organisation that the app is installed in, without a seat"
    return subscription.payer if subscription else None


def _without(text: str, token: Secret | None) -> str:
    return one_line(redact(text, (token,) if token else ()))


def _since(file: TokenFile) -> str | None:
    """Return when the token file was written, which is when it was signed in; local time."""
    try:
        written = file.path.stat().st_mtime
    except OSError:
        return None
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(written))


def _other_profiles(settings: Settings, file: TokenFile) -> list[str]:
    directory = file.path.parent
    if settings.profile and directory.parent.name == PROFILES:
        directory = directory.parent.parent
    try:
        found = sorted(each.name for each in (directory / PROFILES).iterdir() if each.is_dir())
    except OSError:
        return []
    return [name for name in found if name != settings.profile]


def _source(source: Source, used: Source | None) -> dict[str, Any]:
    kind = kind_of(source.token) if source.token else None
    return {
        "name": source.name,
        "holds": masked(source.token) if source.token else None,
        "kind": kind.name if kind else None,
        "used": source is used and not source.problem,
        "problem": source.problem or None,
        "note": source.note or None,
    }


def _identity(settings: Settings) -> dict[str, Any]:
    """Return who GitHub and Copilot are told is asking: the headers as they are sent, without the tokens."""
    nothing = Secret(MASK)
    return {
        "oauth_app": CLIENT_ID,
        "to_github": dict(github_headers(nothing, settings.editor_version)),
        "to_copilot": dict(copilot_headers(nothing, editor_version=settings.editor_version)),
    }


def _status_lines(facts: dict[str, Any]) -> list[str]:
    token = facts["token"]
    lines = []
    if token is None:
        lines.append(f"Not signed in at {facts['host']}: {facts['problem'] or SIGN_IN}")
    elif facts["accepted_by_github"] is False:
        lines.append(f"GitHub refuses the token ({facts['problem']}); {SIGN_IN}")
    elif facts["accepted_by_github"] is None:
        lines.append(f"There is a token, but GitHub could not be asked: {facts['problem']}")
    else:
        lines.append(f"Signed in at {facts['host']} as {one_line(facts['login'] or 'somebody unnamed')}")
        if facts["problem"]:
            lines.append(f"  GitHub says of its Copilot: {facts['problem']}")
    if token is not None:
        since = f", since {token['since']}" if token["since"] else ""
        lines.append(f"  token    {token['from']}: {token['what']}{since}")
        lines.append(f"           {token['says']}")
    if facts["plan"]:
        lines.append(f"  plan     {one_line(facts['plan'])} ({one_line(facts['sku'] or 'no sku')})")
    lines += [
        f"  {title:8} {one_line(facts[name])}"
        for title, name in (("billed", "billed_in"), ("paid by", "paid_by"), ("resets", "quota_resets"))
        if facts[name]
    ]
    lines.append(f"  profile  {facts['profile']}")
    if facts["other_profiles"]:
        lines.append(f"           others: {', '.join(facts['other_profiles'])}")
    return lines


def _explain_lines(facts: dict[str, Any]) -> list[str]:
    lines = ["Where a token is looked for; the first that has one is used:", ""]
    for number, source in enumerate(facts["sources"], 1):
        mark = "=>" if source["used"] else "  "
        says = source["problem"] or (
            f"{source['holds']} ({source['kind']})" if source["holds"] else "nothing"
        )
        note = f" ({source['note']})" if source["note"] else ""
        lines.append(f"{mark} {number}. {source['name']}: {one_line(says)}{note}")
    lines.append(f"   {len(facts['sources']) + 1}. signing in by a code")
    lines += ["", *_status_lines(facts), "", "What GitHub is told about who asks:"]
    lines += [f"  {name}: {value}" for name, value in facts["identity"]["to_github"].items()]
    lines += ["", "What Copilot is told:"]
    lines += [f"  {name}: {value}" for name, value in facts["identity"]["to_copilot"].items()]
    return lines
