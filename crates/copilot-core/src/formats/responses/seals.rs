//! Reasoning items: their text, and what `encrypted_content` carries through this dialect.

use crate::{carriers, look::Look, plans::Leg, text::escape};

/// Whether another leg or model made it; untagged values came natively.
pub(super) fn is_foreign(value: &str, leg: Leg, model: &str) -> bool {
    carriers::read(value).is_some_and(|found| found.leg != leg.name() || found.model != escape(model))
}

/// The text of a reasoning item: its summary, else its content.
pub(super) fn thought<'v>(item: impl Look<'v>) -> String {
    for member in ["summary", "content"] {
        let parts = item.member(member).into_iter().flat_map(Look::each);
        let texts: Vec<_> = parts.map(|part| part.word("text")).collect();
        if texts.iter().any(|text| !text.is_empty()) {
            return texts.join("\\n\\n");
        }
    }
    String::new()
}
