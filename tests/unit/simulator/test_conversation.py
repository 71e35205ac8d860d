"""What the pretend model answers to programs that have no tools and take files as text."""

from __future__ import annotations

from copilot_api.simulator.conversation import decide

RULES = "To suggest changes you MUST use this *file listing* format:\n\npath/to/filename.js\n```\n...\n```"
WISH = "Make the file hello.txt anew with the content: hello there"


def answer(prompt: str, *, system: str = "") -> str:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    return decide({"messages": messages}).text


def test_a_file_is_listed_for_who_asks_for_listings() -> None:
    listing = "Here it is.\n\nhello.txt\n```\nhello there\n```\n"
    assert answer(WISH, system=RULES) == listing
    assert answer(f"{WISH}\n\n{RULES}") == listing


def test_else_it_is_talked_about() -> None:
    assert answer(WISH).startswith("You said: Make the file hello.txt anew")
    assert answer("Say Lisbon.", system=RULES).startswith("You said: Say Lisbon.")
    # The rules alone are no wish, although they name a file.
    assert answer(f"Say Lisbon.\n\n{RULES}").startswith("You said: Say Lisbon.")
