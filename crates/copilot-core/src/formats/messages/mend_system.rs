//! The system prompt, without the client's billing line and blank blocks (upstream.md 6.2).

use super::{draft::Draft, mend_turns::is_blank};
use crate::text::Tree;

/// Claude Code's first system block; its text changes with each call, which spoils prompt caches.
pub(crate) const BILLING_LINE: &str = "x-anthropic-billing-header:";
pub(crate) const BILLING_REWRITE: &str = "removed the client's billing line from the system prompt";

/// Mends `system`.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    let left = match draft.request.get_mut("system") {
        Some(Tree::Text(text)) => !is_blank(text),
        Some(Tree::List(blocks)) => {
            let before = blocks.len();
            let is_blank = |block: &Tree<'_>| matches!(block.at("text"), Tree::Text(text) if is_blank(text));
            blocks.retain(|block| !is_blank(block));
            if blocks.len() < before {
                draft.log.touch("system", "removed blank text");
            }
            let first = blocks.first().map(|block| block.at("text").inside());
            if first.is_some_and(|text| text.starts_with(BILLING_LINE)) {
                blocks.remove(0);
                draft.log.touch("system", BILLING_REWRITE);
            }
            !blocks.is_empty()
        }
        _ => true,
    };
    if !left {
        draft.drop("system", "removed an empty system prompt");
    }
}
