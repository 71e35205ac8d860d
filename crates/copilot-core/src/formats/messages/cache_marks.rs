//! Breakpoints of the prompt cache: at most four, in the form upstream takes (upstream.md 6.2).

use super::{
    draft::{Draft, Log, has_beta, removed},
    mend_turns::is_thinking,
};
use crate::{plans::RequestPlan, text::Tree};

const LIMIT: usize = 4;
const MARK: &str = "cache_control";
const MARKED: [&str; 3] = ["tools", "system", "messages"];

/// Mends the marks that came; of too many the last of the fixed part and the last ones stay.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    let (log, plan) = (&mut draft.log, draft.plan);
    let (mut fixed, mut moving) = (0, 0);
    for member in MARKED {
        each_block(&mut draft.request, member, &mut |block| {
            if block.at(MARK).is_object() && mend_one(log, plan, member, block) {
                *(if member == "messages" { &mut moving } else { &mut fixed }) += 1;
            }
        });
    }
    let all = fixed + moving;
    if all <= LIMIT {
        return;
    }
    // The fixed part changes least: its end stays marked, whatever the conversation wants.
    let keeps_fixed = fixed > 0 && moving >= LIMIT;
    let stays = |place: usize| {
        if keeps_fixed { place + 1 == fixed || place + LIMIT > all } else { place + LIMIT >= all }
    };
    let mut place = 0;
    for member in MARKED {
        each_block(&mut draft.request, member, &mut |block| {
            if !block.at(MARK).is_object() {
                return;
            }
            if !stays(place) && removed(block, MARK) {
                log.touch(member, format!("removed cache marks beyond the {LIMIT} that upstream takes"));
            }
            place += 1;
        });
    }
}

/// Whether the client marked anything itself.
pub(crate) fn has_any(request: &mut Tree<'_>) -> bool {
    let mut found = false;
    for member in MARKED {
        each_block(request, member, &mut |block| found |= block.get(MARK).is_some());
    }
    found
}

/// Marks the ends of the tools, of the system prompt and of the last two user turns.
pub(crate) fn add(request: &mut Tree<'_>) {
    let mark = |block: &mut Tree<'_>| {
        block.set(MARK, Tree::object([("type", Tree::word("ephemeral"))]));
    };
    for member in ["tools", "system"] {
        if let Some(Tree::List(blocks)) = request.get_mut(member) {
            blocks.last_mut().map(mark);
        }
    }
    let Some(Tree::List(turns)) = request.get_mut("messages") else {
        return;
    };
    for turn in turns.iter_mut().rev().filter(|turn| turn.at("role").inside() == "user").take(2) {
        if let Some(Tree::List(blocks)) = turn.get_mut("content") {
            blocks.last_mut().map(mark);
        }
    }
}

fn mend_one(log: &mut Log, plan: &RequestPlan, member: &str, block: &mut Tree<'_>) -> bool {
    if is_thinking(block) {
        block.take(MARK);
        log.touch(member, "removed cache marks on thinking");
        return false;
    }
    if let Some(mark) = block.get_mut(MARK) {
        if !has_beta(plan, "extended-cache-ttl-") && removed(mark, "ttl") {
            log.touch(member, "removed ttl of cache_control, whose beta upstream does not get");
        }
        if removed(mark, "scope") {
            log.touch(member, "removed scope of cache_control");
        }
    }
    true
}

/// Visits all blocks of a list that may be marked, in order: those within a result before the result itself.
fn each_block<'a>(object: &mut Tree<'a>, name: &str, visit: &mut dyn FnMut(&mut Tree<'a>)) {
    let Some(Tree::List(items)) = object.get_mut(name) else {
        return;
    };
    for item in items {
        each_block(item, "content", visit);
        if item.is_object() && item.get("role").is_none() {
            visit(item);
        }
    }
}
