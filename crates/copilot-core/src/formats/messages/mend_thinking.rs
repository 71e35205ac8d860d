//! Thinking, effort, structured output and sampling, as the model has them (upstream.md 6.2).

use super::{
    draft::{Draft, has_beta},
    mend_members::thinks,
};
use crate::{
    formats::chat::frames::{count, plain},
    plans::ModelTraits,
    text::Tree,
};

/// Words for effort, least first.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

const USUAL_BUDGET: i64 = 16000;
const LEAST_BUDGET: i64 = 1024;

/// Mends the members that say how the model is to think and choose its words.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    if let Some(traits) = &draft.plan.traits {
        thinking(draft, traits);
        effort(draft, traits);
        format(draft, traits);
    }
    let is_empty = draft.request.at("output_config") == &Tree::Object(Vec::new());
    if is_empty && draft.log.touched.contains("output_config") {
        draft.request.take("output_config");
    }
    sampling(draft);
}

/// The effort that stands for a number of tokens (upstream.md 11.3).
const fn effort_of(budget: i64) -> &'static str {
    match budget {
        ..2048 => "low",
        2048..16384 => "medium",
        _ => "high",
    }
}

fn budget_of(effort: &str) -> Option<i64> {
    Some(match effort {
        "minimal" | "low" => 1024,
        "medium" => 8192,
        "high" => 16384,
        "xhigh" => 24576,
        "max" => 32000,
        _ => return None,
    })
}

/// The effort to send: the wanted one, or the next lower one, or the lowest; empty for none.
fn nearest<'e>(wanted: &'e str, offered: Option<&'e [String]>) -> &'e str {
    let offered = offered.unwrap_or_default();
    if offered.iter().any(|word| word == wanted) {
        return wanted;
    }
    let rank = |word: &str| EFFORTS.iter().position(|known| *known == word);
    let Some(wanted) = rank(wanted) else {
        return "";
    };
    let ranked = || offered.iter().filter_map(|word| Some((rank(word)?, &**word)));
    let lower = ranked().filter(|(rank, _)| *rank < wanted).max_by_key(|(rank, _)| *rank);
    lower.or_else(|| ranked().min_by_key(|(rank, _)| *rank)).map_or("", |(_, word)| word)
}

fn thinking(draft: &mut Draft<'_, '_>, traits: &ModelTraits) {
    let shows_updates = has_beta(draft.plan, "thinking-display-updates-");
    let has_no_effort = draft.lacks("effort");
    let Some(thinking) = draft.request.get_mut("thinking").filter(|thinking| thinking.is_object()) else {
        return;
    };
    if thinking.at("display").inside() == "updates" && !shows_updates {
        thinking.set("display", Tree::word("summarized"));
        draft.log.touch("thinking", "thinking.display sent as summarized");
    }
    let budget = count(thinking.get("budget_tokens"));
    let is_kind = |kind: &str| thinking.at("type").inside() == kind;
    let (enabled, adaptive) = (is_kind("enabled"), is_kind("adaptive"));
    if enabled && traits.adaptive_thinking && traits.max_thinking_budget.is_none() {
        thinking.set("type", Tree::word("adaptive"));
        thinking.take("budget_tokens");
        draft.log.touch("thinking", "thinking sent as adaptive");
        if let Some(budget) = budget.filter(|_| has_no_effort) {
            draft.configure("effort", Tree::word(effort_of(budget)));
        }
    } else if adaptive && !traits.adaptive_thinking {
        to_budget(draft, traits);
    }
    fit_budget(draft, traits);
}

fn to_budget(draft: &mut Draft<'_, '_>, traits: &ModelTraits) {
    let Some(most) = traits.max_thinking_budget else {
        draft.drop("thinking", "dropped thinking, which the model does not have");
        return;
    };
    let wanted = budget_of(draft.request.at("output_config").at("effort").inside());
    let budget = wanted.unwrap_or(USUAL_BUDGET).min(most);
    if let Some(thinking) = draft.request.get_mut("thinking") {
        thinking.set("type", Tree::word("enabled"));
        thinking.set("budget_tokens", Tree::count(budget));
    }
    draft.log.touch("thinking", format!("thinking sent with a budget of {budget} tokens"));
    let offers_none = traits.reasoning_effort.as_ref().is_none_or(Vec::is_empty);
    if wanted.is_some()
        && offers_none
        && let Some(config) = draft.request.get_mut("output_config")
    {
        config.take("effort");
        draft.log.touch("output_config", "effort sent as a thinking budget");
    }
}

fn fit_budget(draft: &mut Draft<'_, '_>, traits: &ModelTraits) {
    let cap = count(draft.request.get("max_tokens"));
    let thinking = draft.request.at("thinking");
    if thinking.at("type").inside() != "enabled" {
        return;
    }
    let Some(budget) = count(thinking.get("budget_tokens")) else {
        return;
    };
    let least = traits.min_thinking_budget.filter(|least| *least != 0).unwrap_or(LEAST_BUDGET);
    let most = traits.max_thinking_budget.unwrap_or(budget);
    let most = cap.map_or(most, |cap| most.min(cap - 1));
    if most < least {
        draft.drop("thinking", "dropped thinking, since max_tokens leaves no room for it");
        return;
    }
    let fitting = budget.min(most).max(least);
    if fitting != budget
        && let Some(thinking) = draft.request.get_mut("thinking")
    {
        thinking.set("budget_tokens", Tree::count(fitting));
        draft.log.touch("thinking", format!("thinking sent with a budget of {fitting} tokens"));
    }
}

fn effort(draft: &mut Draft<'_, '_>, traits: &ModelTraits) {
    let Some(config) = draft.request.get_mut("output_config").filter(|config| config.get("effort").is_some())
    else {
        return;
    };
    let wanted = plain(config.at("effort").inside());
    let effort = nearest(&wanted, traits.reasoning_effort.as_deref());
    if effort.is_empty() {
        config.take("effort");
        draft.log.touch("output_config", "dropped output_config.effort, which the model does not have");
    } else if effort != wanted {
        config.set("effort", Tree::string(effort));
        draft.log.touch("output_config", format!("effort sent as {effort}"));
    }
}

fn format(draft: &mut Draft<'_, '_>, traits: &ModelTraits) {
    if traits.structured_outputs {
        return;
    }
    let Some(wanted) = draft.request.get_mut("output_config").and_then(|config| config.take("format")) else {
        return;
    };
    let rewrite = "dropped output_config.format: its schema is in the system prompt instead";
    draft.log.touch("output_config", rewrite);
    instruct(draft, wanted.get("schema").filter(|schema| **schema != Tree::Null));
}

/// Asks in the system prompt for an answer that fits a schema.
pub(crate) fn instruct(draft: &mut Draft<'_, '_>, schema: Option<&Tree<'_>>) {
    let mut text = "Answer with one JSON object only, without any text around it.".to_owned();
    if let Some(schema) = schema {
        text.push_str(" It must conform to this JSON Schema:\\n");
        crate::text::escape_json_text(&mut text, &schema.to_json());
    }
    let block = |text| Tree::object([("type", Tree::word("text")), ("text", Tree::Text(text))]);
    let given = draft.request.get_mut("system").map(std::mem::take);
    let mut blocks = match given {
        Some(Tree::List(blocks)) => blocks,
        Some(Tree::Text(text)) if !text.is_empty() => vec![block(text)],
        _ => Vec::new(),
    };
    blocks.push(block(text.into()));
    draft.request.set("system", Tree::List(blocks));
    draft.log.mark("system");
}

fn sampling(draft: &mut Draft<'_, '_>) {
    let float = |name: &str| match draft.request.at(name) {
        Tree::Number(number) => number.parse::<f64>().ok(),
        _ => None,
    };
    let (mut temperature, mut top_p) = (float("temperature"), float("top_p"));
    let is_one = |value: f64| (value - 1.0).abs() < f64::EPSILON / 4.0;
    if thinks(&draft.request) {
        if temperature.is_some_and(|value| !is_one(value)) {
            draft.drop("temperature", "dropped temperature, which does not go with thinking");
            temperature = None;
        }
        if top_p.is_some_and(|value| value < 0.95) {
            draft.drop("top_p", "dropped top_p, which does not go with thinking");
            top_p = None;
        }
        draft.drop("top_k", "dropped top_k, which does not go with thinking");
    }
    let (Some(temperature), Some(top_p)) = (temperature, top_p) else {
        return;
    };
    if is_one(top_p) {
        draft.drop("top_p", "removed top_p, which was the default");
    } else if is_one(temperature) {
        draft.drop("temperature", "removed temperature, which was the default");
    } else {
        draft.drop("top_p", "dropped top_p, which does not go with temperature");
    }
}
