//! How much a chat client wants the model to reason, by the several members that clients use for it.

use super::frames::count;
use crate::{
    canonical::{AnswerContext, Inside, Thinking, Value},
    text::{Kind, Node, Tree},
    validation::given,
};

/// Remembers in the answer's context that reasoning was asked for.
const ASKED: &str = "reasoning";

pub(crate) const MEMBERS: [&str; 4] = ["reasoning_effort", "reasoning", "thinking_budget", "thinking"];

fn word<'a>(object: Option<Node<'_, 'a>>, name: &str) -> Inside<'a> {
    object.and_then(|object| object.get(name)).and_then(Node::string).unwrap_or_default()
}

/// What was asked for; `None` when nothing was.
pub(crate) fn thinking_of<'d, 'a>(root: Node<'d, 'a>) -> Option<Thinking<'d, 'a>> {
    let (reasoning, thinking) = (root.get("reasoning"), root.get("thinking"));
    let inner = |object: Option<Node<'d, 'a>>, name| object.and_then(|object| object.get(name));
    let summary = reasoning.and_then(|reasoning| given(reasoning, "summary")).map(Value::Node);
    let nothing = Thinking { summary, ..Thinking::default() };
    let mut effort = word(Some(root), "reasoning_effort");
    if effort.is_empty() {
        effort = word(reasoning, "effort");
    }
    if !effort.is_empty() {
        return Some(Thinking { effort, ..nothing });
    }
    let kind = word(thinking, "type");
    if kind == "disabled" {
        return Some(Thinking { effort: Inside::Borrowed("none"), ..nothing });
    }
    let budgets =
        [root.get("thinking_budget"), inner(reasoning, "max_tokens"), inner(thinking, "budget_tokens")];
    if let Some(tokens) = budgets.into_iter().find_map(count) {
        return Some(of_budget(tokens, nothing));
    }
    let enabled = inner(reasoning, "enabled").is_some_and(|enabled| enabled.kind() == Kind::True);
    if kind == "enabled" || kind == "adaptive" || enabled {
        return Some(Thinking { adaptive: true, ..nothing });
    }
    nothing.summary.is_some().then_some(nothing)
}

/// A budget; none at all switches reasoning off, a negative one leaves it to the model.
fn of_budget<'d, 'a>(tokens: i64, nothing: Thinking<'d, 'a>) -> Thinking<'d, 'a> {
    match tokens {
        0 => Thinking { effort: Inside::Borrowed("none"), ..nothing },
        ..0 => Thinking { adaptive: true, ..nothing },
        _ => Thinking { budget: Some(tokens), ..nothing },
    }
}

/// Whether reasoning is wanted.
pub(crate) fn asks(thinking: Option<&Thinking<'_, '_>>) -> bool {
    thinking.is_some_and(|thinking| thinking.effort != "none")
}

/// What to ask for so that the client can be shown the reasoning it wants; remembers it in the context.
pub(crate) fn shown(thinking: &mut Option<Thinking<'_, '_>>, context: &mut AnswerContext) {
    if let Some(thinking) = thinking
        && thinking.effort != "none"
    {
        thinking.summary.get_or_insert_with(|| Tree::word("auto").into());
        context.echo.push((ASKED.to_owned(), Tree::Bool(true)));
    }
}

/// Whether the client gets the reasoning: it asked for it, or all clients do.
pub(crate) fn is_shown(all: bool, context: &AnswerContext) -> bool {
    all || context.echo.iter().any(|(name, value)| name == ASKED && *value == Tree::Bool(true))
}
