//! Making a request in Anthropic's form one that Copilot takes (upstream.md 6.2, 6.3).
//!
//! Both ways to the leg end here: a relayed request, and one that was translated from another dialect.

use super::{
    cache_marks,
    draft::{Draft, removed},
    mend_members, mend_system, mend_thinking, mend_tools, mend_turns,
};
use crate::text::{Tree, escape};

/// Changes what upstream would refuse, and says so.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    mend_members::mend(draft);
    mend_thinking::mend(draft);
    mend_tools::mend(draft);
    mend_system::mend(draft);
    mend_turns::mend(draft);
    cache_marks::mend(draft);
    let plan = draft.plan;
    for path in &plan.dropped {
        let names: Vec<_> = path.split('.').collect();
        let member = escape(names.first().copied().unwrap_or_default());
        if !without(&mut draft.request, &names) {
            continue;
        }
        draft.log.touch(&member, format!("dropped {path}, which the model refuses"));
        let is_left_empty = draft.request.at(&member) == &Tree::Object(Vec::new());
        if is_left_empty && path.split_once('.').is_some_and(|(_, rest)| !rest.is_empty()) {
            draft.request.take(&member);
        }
    }
}

/// Removes a member below, in all items of the lists on the way to it.
fn without(value: &mut Tree<'_>, path: &[&str]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return false;
    };
    if let Tree::List(items) = value {
        let is_place = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let path = if is_place && !rest.is_empty() { rest } else { path };
        return items.iter_mut().fold(false, |found, item| without(item, path) | found);
    }
    if rest.is_empty() {
        return removed(value, &escape(name));
    }
    value.get_mut(&escape(name)).is_some_and(|inner| without(inner, rest))
}
