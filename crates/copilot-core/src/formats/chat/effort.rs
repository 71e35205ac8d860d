//! How much to reason, as a chat model lists that it can be told (upstream.md 4.1, 11.3).

use super::cache_marks::is_claude;
use crate::{
    canonical::{Inside, Thinking},
    plans::{ModelTraits, RequestPlan},
    text::unescape,
};

const WORDS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// What leaving it to the model means to one that has to be told (upstream.md 5.2).
const ADAPTIVE: &str = "medium";

/// The member to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told<'t> {
    /// `reasoning_effort`, an inside
    Effort(Inside<'t>),
    /// `thinking_budget`
    Budget(i64),
    Nothing,
}

/// Decides it; `cap` is the request's output cap, which a budget has to stay below.
pub(crate) fn told<'t>(
    thinking: Option<&'t Thinking<'_, '_>>,
    model: &str,
    cap: Option<i64>,
    plan: &'t RequestPlan,
    rewrites: &mut Vec<String>,
) -> Told<'t> {
    let Some(thinking) = thinking else {
        return Told::Nothing;
    };
    if thinking.effort.is_empty() && thinking.budget.is_none() && !thinking.adaptive {
        return Told::Nothing;
    }
    if plan.traits.is_none() && !thinking.effort.is_empty() {
        return Told::Effort(Inside::Borrowed(&thinking.effort));
    }
    let unknown = ModelTraits::default();
    let traits = plan.traits.as_ref().unwrap_or(&unknown);
    let listed = plan.traits.as_ref().and_then(|traits| traits.reasoning_effort.as_deref());
    if let Some(listed) = listed.filter(|listed| !listed.is_empty()) {
        if thinking.adaptive && !is_claude(model, plan) {
            // The others reason as much as they find right when nothing is said.
            return Told::Nothing;
        }
        return effort(thinking, listed, rewrites);
    }
    if traits.max_thinking_budget.is_some() {
        return budget(thinking, traits, cap, rewrites);
    }
    if thinking.effort != "none" {
        rewrites.push("dropped thinking".to_owned());
    }
    Told::Nothing
}

/// The effort that a budget stands for.
const fn effort_of(budget: i64) -> &'static str {
    if budget < 2048 {
        "low"
    } else if budget < 16384 {
        "medium"
    } else {
        "high"
    }
}

fn rank(word: &str) -> Option<usize> {
    WORDS.iter().position(|known| *known == word)
}

/// The listed effort that is the highest up to the wanted one, else the lowest.
fn nearest<'l>(wanted: &str, listed: &'l [String]) -> Option<&'l str> {
    if let Some(same) = listed.iter().find(|word| *word == wanted) {
        return Some(same);
    }
    let wanted = rank(wanted)?;
    let mut ranked: Vec<_> = listed.iter().filter_map(|word| Some((rank(word)?, &**word))).collect();
    ranked.sort_unstable();
    let below = ranked.iter().rev().find(|(rank, _)| *rank <= wanted);
    below.or_else(|| ranked.first()).map(|(_, word)| *word)
}

fn unknown(effort: &str) -> String {
    format!("dropped the unknown reasoning effort {}", unescape(effort))
}

fn effort<'t>(thinking: &Thinking<'_, '_>, listed: &'t [String], rewrites: &mut Vec<String>) -> Told<'t> {
    let wanted = match &*thinking.effort {
        "" if thinking.adaptive => ADAPTIVE,
        "" => effort_of(thinking.budget.unwrap_or_default()),
        effort => effort,
    };
    let Some(given) = nearest(wanted, listed) else {
        rewrites.push(unknown(wanted));
        return Told::Nothing;
    };
    if let Some(budget) = thinking.budget {
        rewrites.push(format!("a thinking budget of {budget} sent as reasoning effort {given}"));
    } else if given != thinking.effort {
        rewrites.push(format!("reasoning effort {} sent as {given}", named(&thinking.effort)));
    }
    Told::Effort(Inside::Borrowed(given))
}

fn named(effort: &str) -> &str {
    if effort.is_empty() { "of the model" } else { effort }
}

fn budget_of(effort: &str) -> Option<i64> {
    Some(match effort {
        "minimal" | "low" => 1024,
        "" | "medium" => 8192,
        "high" => 16384,
        "xhigh" | "max" => 32000,
        _ => return None,
    })
}

fn budget<'t>(
    thinking: &Thinking<'_, '_>,
    traits: &ModelTraits,
    cap: Option<i64>,
    rewrites: &mut Vec<String>,
) -> Told<'t> {
    if thinking.effort == "none" {
        return Told::Nothing;
    }
    let asked = thinking.budget.filter(|budget| *budget != 0);
    let Some(wanted) = asked.or_else(|| budget_of(&thinking.effort)) else {
        rewrites.push(unknown(&thinking.effort));
        return Told::Nothing;
    };
    let lowest = traits.min_thinking_budget.filter(|budget| *budget != 0).unwrap_or(1);
    let highest = traits.max_thinking_budget.filter(|budget| *budget != 0).unwrap_or(wanted);
    let mut budget = wanted.min(highest).max(lowest);
    if let Some(cap) = cap.filter(|cap| budget >= *cap) {
        budget = cap - 1;
    }
    if budget < lowest {
        rewrites.push("dropped thinking: the output cap leaves no room for it".to_owned());
        return Told::Nothing;
    }
    if thinking.budget.is_none() {
        let effort = named(&thinking.effort);
        rewrites.push(format!("reasoning effort {effort} sent as a budget of {budget}"));
    } else if budget != wanted {
        rewrites.push(format!("a thinking budget of {wanted} sent as one of {budget}"));
    }
    Told::Budget(budget)
}
