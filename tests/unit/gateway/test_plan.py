"""Plans are made once for a kind of request, and made anew when what they were made of changes."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestFacts
from copilot_api.gateway import plan as plans
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.plan import Planner
from copilot_api.records import replace
from copilot_api.settings import Settings

CHAT = RequestFacts("chat", 100, "gpt-4o")


class Catalog:
    """What a planner needs of a model catalogue."""

    def __init__(self, *models: Model) -> None:
        self.models = models

    def get(self, model_id: str) -> Model | None:
        return next((model for model in self.models if model.id == model_id), None)


def planner(catalog: Any) -> Planner:
    return Planner(Settings(), catalog)


LISTED = Catalog(Model("gpt-4o", max_output_tokens=4096), Model("o1"))


def test_one_kind_has_one_plan() -> None:
    subject = planner(LISTED)
    first = subject.plan(CHAT)
    assert subject.plan(replace(CHAT, size=7, stream=True, messages=3, initiator="agent")) is first
    assert first.request.output_cap == 4096


def test_what_the_plan_depends_on_makes_another_kind() -> None:
    subject = planner(LISTED)
    made = [
        subject.plan(facts)
        for facts in (
            CHAT,
            replace(CHAT, output_cap="set"),
            replace(CHAT, model="o1"),
            replace(CHAT, dialect="messages"),
            replace(CHAT, dialect="embeddings"),
        )
    ]
    assert len({id(plan) for plan in made}) == len(made)
    assert made[1].request.output_cap is None
    assert subject.plan(replace(CHAT, has_max_completion_tokens=True)).request.output_cap is None
    # A null is taken out as an absent cap is filled in: the same kind.
    assert subject.plan(replace(CHAT, output_cap="null")) is made[0]


def test_who_asks_for_reasoning_in_the_responses_format_gets_it() -> None:
    subject = planner(LISTED)
    asks = replace(CHAT, dialect="responses", reasoning=True)
    assert subject.plan(asks).answer.reasoning
    assert subject.plan(asks).stream(Settings(), 0).reasoning
    assert not subject.plan(replace(asks, reasoning=False)).answer.reasoning
    assert not subject.plan(replace(asks, dialect="messages")).answer.reasoning


def test_an_anthropic_client_that_asks_for_thinking_gets_it_of_models_that_seal_theirs() -> None:
    subject = planner(Catalog(Model("gpt-5.4", supported_endpoints=("/responses",))))
    asks = replace(CHAT, dialect="messages", model="gpt-5.4", reasoning=True)
    assert subject.plan(asks).leg == "responses"
    assert subject.plan(asks).answer.reasoning
    assert not subject.plan(replace(asks, reasoning=False)).answer.reasoning


def test_another_catalogue_makes_other_plans() -> None:
    catalog = Catalog(Model("gpt-4o", max_output_tokens=4096))
    subject = planner(catalog)
    assert subject.plan(CHAT).request.output_cap == 4096
    catalog.models = (Model("gpt-4o", max_output_tokens=8192),)
    assert subject.plan(CHAT).request.output_cap == 8192
    catalog.models = ()
    assert subject.plan(CHAT).resolution.model is None


def test_a_cap_that_a_model_refuses_is_learnt_once() -> None:
    subject = planner(LISTED)
    assert subject.plan(CHAT).request.cap_field == "max_tokens"
    assert subject.learn(lambda learned: learned.note_completion_cap("gpt-4o"))
    assert subject.plan(CHAT).request.cap_field == "max_completion_tokens"
    assert not subject.learn(lambda learned: learned.note_completion_cap("gpt-4o"))


def test_names_that_clients_make_up_take_no_memory() -> None:
    subject = planner(LISTED)
    for number in range(3 * plans.MOST_PLANS):
        subject.plan(replace(CHAT, model=f"made-up-{number}"))
        assert len(subject._plans) <= plans.MOST_PLANS
    kept = len(subject._plans)
    subject.plan(replace(CHAT, model="x" * (plans.LONGEST_NAME + 1)))
    assert len(subject._plans) == kept
