"""Where the GitHub token comes from, in order of precedence (ADR 0024). What was not meant is never used.

1. what an option names: ``--github-token``, ``--github-token-file``, their variables, the config file;
2. the stored token, of the profile and the host;
3. ``$GH_TOKEN``, if it is of a kind that can use Copilot;
4. with ``--use-gh`` what GitHub's own program answers to ``gh auth token``;
5. signing in by a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from copilot_api.github.credentials import CredentialProblem, TokenFile, read_token_file, token_store
from copilot_api.records import record
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

OTHER_VARIABLE = "GH_TOKEN"


@record
class Given:
    """A token that an option names, and the words for where it stands."""

    token: Secret
    origin: str


@record
class Source:
    """One place that may hold a token. `problem` says why it cannot be used, `note` what else to know."""

    name: str
    token: Secret | None = None
    problem: str = ""
    note: str = ""


def store_of(settings: Settings, directory: Path) -> TokenFile:
    """Return where the account of these settings keeps its token. Raises :class:`CredentialProblem`."""
    return token_store(directory, in_keyring=settings.keyring, host=settings.github_host)


def find_token(
    settings: Settings, origins: Mapping[str, str], store: TokenFile, environ: Mapping[str, str]
) -> Secret | None:
    """Return the first token of the sources, None when there is none. Raises :class:`CredentialProblem`."""
    given = given_token(settings, origins)
    token = given.token if given is not None else store.read()
    if token is not None:
        return token
    others = (token_from_variable(environ), token_from_gh(settings, environ))
    return next((each.token for each in others if not each.problem and each.token), None)


def given_options(settings: Settings, origins: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the options that name a token, and their origins, the nearest first: flag, environment, file."""
    names = ("github_token", "github_token_file")
    found = [(name, origins.get(name, "")) for name in names if getattr(settings, name)]
    return sorted(found, key=lambda each: _distance(each[1]))


def given_token(settings: Settings, origins: Mapping[str, str]) -> Given | None:
    """Return the token that an option names. Raises :class:`CredentialProblem`.

    An option that cannot be used ends the search: to use another account instead is not what was meant.
    """
    for name, origin in given_options(settings, origins):
        return Given(_value(settings, name), origin)
    return None


def token_from_variable(environ: Mapping[str, str]) -> Source:
    """Return what ``$GH_TOKEN`` holds; a kind that cannot use Copilot is left alone."""
    name = f"${OTHER_VARIABLE}"
    text = environ.get(OTHER_VARIABLE, "").strip()
    if not text:
        return Source(name)
    from copilot_api.github.kinds import kind_of

    token = Secret(text)
    kind = kind_of(token)
    # It is set for other programs too: only what GitHub's own take for Copilot is taken here.
    usable = kind.name in ("user", "oauth", "fine-grained", "installation")
    return Source(name, token, problem="" if usable else f"{kind.says}; it is left alone")


def token_from_gh(settings: Settings, environ: Mapping[str, str]) -> Source:
    """Return what ``gh auth token`` answers, where ``--use-gh`` asks for it."""
    name = "gh auth token"
    if not settings.use_gh:
        return Source(name, note="only with --use-gh")
    from copilot_api.github.gh import ask

    try:
        token = ask(settings.github_host or "github.com", environ)
    except CredentialProblem as problem:
        return Source(name, problem=str(problem))
    return Source(name, token)


def all_sources(
    settings: Settings, origins: Mapping[str, str], store: TokenFile, environ: Mapping[str, str]
) -> tuple[Source, ...]:
    """Return every source with what it holds, in order; nothing is changed. For people to look at."""
    found = []
    for name, origin in given_options(settings, origins):
        try:
            found.append(Source(origin or name, _value(settings, name)))
        except CredentialProblem as problem:
            found.append(Source(origin or name, problem=str(problem)))
    if not found:
        found.append(Source("--github-token, --github-token-file"))
    try:
        stored = store.look()
    except CredentialProblem as problem:
        found.append(Source(store.place, problem=str(problem)))
    else:
        found.append(Source(store.place, stored))
    return (*found, token_from_variable(environ), token_from_gh(settings, environ))


def chosen(sources: tuple[Source, ...]) -> Source | None:
    """Return the source that a start would use; one that is meant and cannot be used is it too."""
    for at, source in enumerate(sources):
        meant = at < len(sources) - 2  # all but the variable and gh, which are looked at in passing
        if (source.problem and meant) or (source.token is not None and not source.problem):
            return source
    return None


def _value(settings: Settings, name: str) -> Secret:
    if name == "github_token" and settings.github_token is not None:
        return settings.github_token
    return read_token_file(settings.github_token_file or "")


def _distance(origin: str) -> int:
    return 0 if origin.startswith("--") else 1 if origin.startswith("$") else 2
