//! What a model of the Responses leg takes of an effort and of an output cap (upstream.md 5.2, 11.3).

use std::borrow::Cow;

use crate::{canonical::Thinking, plans::ModelTraits, text::unescape};

const SMALLEST_CAP: i64 = 16;
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const MEDIUM: usize = 3;
const LOW_BUDGET: i64 = 2048;
const MEDIUM_BUDGET: i64 = 16384;

/// The word for what was asked; empty leaves it to the model.
pub(super) fn effort_of<'t>(thinking: &'t Thinking<'_, '_>) -> Cow<'t, str> {
    match thinking.budget {
        None => unescape(&thinking.effort),
        Some(budget) if budget < LOW_BUDGET => "low".into(),
        Some(budget) if budget < MEDIUM_BUDGET => "medium".into(),
        Some(_) => "high".into(),
    }
}

/// The listed effort that is nearest, the lower of two, when another one was asked for, and the change made.
pub(super) fn fit_effort(effort: &str, traits: Option<&ModelTraits>) -> Option<(&'static str, String)> {
    let listed = traits?.reasoning_effort.as_deref().unwrap_or_default();
    if effort.is_empty() || listed.iter().any(|word| word == effort) {
        return None;
    }
    let place = |word: &str| EFFORTS.iter().position(|known| *known == word);
    let wanted = place(effort).unwrap_or(MEDIUM);
    let known = EFFORTS.iter().enumerate().filter(|(_, word)| listed.iter().any(|other| other == *word));
    Some(match known.min_by_key(|(at, _)| (at.abs_diff(wanted), *at)) {
        None => ("", format!("left out reasoning effort {effort}: the model takes none")),
        Some((_, nearest)) => (nearest, format!("reasoning effort {effort} sent as {nearest}")),
    })
}

/// The output cap within the limits of the leg and the model, when another one was given, and the change made.
pub(super) fn fit_cap(given: Option<i64>, traits: Option<&ModelTraits>) -> Option<(i64, String)> {
    let given = given?;
    let most = traits.and_then(|traits| traits.max_output_tokens).unwrap_or(i64::MAX);
    let fitting = given.min(most).max(SMALLEST_CAP);
    (fitting != given).then(|| (fitting, format!("max_output_tokens {given} sent as {fitting}")))
}
