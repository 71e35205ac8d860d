//! Where a prompt cache may begin, on the chat endpoint: Copilot's extension for Claude (upstream.md 4.1).

use crate::plans::RequestPlan;

/// The marker, as the last member of a message or tool.
const MARKER: &str = ",\"copilot_cache_control\":{\"type\":\"ephemeral\"}";

/// Markers that Claude takes in one request (upstream.md 6.2).
const MOST: usize = 4;

/// What was written, to choose the places by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    System,
    /// Of the user or a tool
    Given,
    Assistant,
}

/// A message or tool in the text of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Where its closing brace stands
    pub(crate) end: usize,
    /// The client set a marker here
    pub(crate) marked: bool,
}

/// Whether the model that upstream will see is a Claude; `model` is an inside.
pub(crate) fn is_claude(model: &str, plan: &RequestPlan) -> bool {
    let name = if plan.target.is_empty() { model } else { &plan.target };
    name.to_ascii_lowercase().contains("claude")
}

/// Keeps the client's markers for Claude, or sets them where none came. `places`: tools first, then messages.
pub(crate) fn mark(
    out: &mut String,
    places: &[Place],
    claude: bool,
    plan: &RequestPlan,
    rewrites: &mut Vec<String>,
) {
    let marked: Vec<_> = places.iter().filter(|place| place.marked).collect();
    let mut ends: Vec<usize> = if !claude {
        if !marked.is_empty() {
            rewrites.push("dropped cache_control".to_owned());
        }
        return;
    } else if !marked.is_empty() {
        if marked.len() > MOST {
            rewrites.push(format!("dropped cache_control beyond {MOST} markers"));
        }
        // The first is the longest-lived, the last ones are what the next request begins with.
        let last = marked.iter().skip(1).rev().take(MOST - 1);
        marked.first().into_iter().chain(last).map(|place| place.end).collect()
    } else if plan.cache_breakpoints {
        rewrites.push("marked where a prompt cache may begin".to_owned());
        let last = |kind, count| places.iter().rev().filter(move |place| place.kind == kind).take(count);
        let chosen = last(Kind::Tool, 1).chain(last(Kind::System, 1)).chain(last(Kind::Given, 2));
        chosen.map(|place| place.end).collect()
    } else {
        return;
    };
    ends.sort_unstable();
    for end in ends.into_iter().rev() {
        out.insert_str(end, MARKER);
    }
}
