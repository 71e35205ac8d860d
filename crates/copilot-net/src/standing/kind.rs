//! Which requests are of one kind: all that Python's decision about one of them depends on.

use std::collections::HashMap;

use copilot_core::{
    plans::Dialect,
    validation::{Cap, Facts},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE, ORIGIN},
    request::Parts,
};

/// Bytes of a target, and of what the headers say.
const LONGEST: usize = 512;

/// Headers that a plan depends on (`http/hints.py`).
const HINTS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("x-initiator"),
    HeaderName::from_static("x-openai-subagent"),
];

/// What clients call their conversation by, in the order of `http/application.py`.
const SESSIONS: [HeaderName; 4] = [
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
];

/// The paths that can be decided about once, and what is spoken at each.
pub type Routes = HashMap<String, Dialect>;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Path and query, as they came.
    target: String,
    hints: Vec<(u8, HeaderValue)>,
    model: String,
    shape: Shape,
}

/// What the body is like, as far as a decision depends on it (`kind_of` of `gateway/plan.py`, and `gateway/send.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
struct Shape {
    stream: bool,
    vision: bool,
    agent: bool,
    fills_cap: bool,
    reasoning: bool,
    tools: bool,
}

/// What the head of a request says that may be decided about once.
pub(super) struct Head<'h> {
    pub(super) dialect: Dialect,
    target: &'h str,
    hints: Vec<(u8, HeaderValue)>,
}

impl<'h> Head<'h> {
    /// Reads a head; none for what Python has to look at each time.
    pub(super) fn read(head: &'h Parts, routes: &Routes) -> Option<Self> {
        let target = head.uri.path_and_query()?.as_str();
        if head.method != Method::POST || target.len() > LONGEST {
            return None;
        }
        let dialect = *routes.get(head.uri.path())?;
        let headers = &head.headers;
        // A page may get headers of its own, and what is packed, or is no JSON, is refused.
        if headers.contains_key(ORIGIN) || headers.contains_key(CONTENT_ENCODING) || !is_json(headers) {
            return None;
        }
        // Turns of a conversation are compared with each other, by Python's ledger.
        if SESSIONS.iter().any(|name| headers.contains_key(name)) {
            return None;
        }
        let mut hints = Vec::new();
        let mut size = 0;
        for (number, name) in (0..).zip(&HINTS) {
            for value in headers.get_all(name) {
                size += value.len();
                hints.push((number, value.clone()));
            }
        }
        (size <= LONGEST).then_some(Self { dialect, target, hints })
    }

    pub(super) fn kind(self, facts: &Facts) -> Option<Kind> {
        let Self { dialect, target, hints } = self;
        if facts.model.len() > LONGEST || !facts.session.is_empty() {
            return None;
        }
        let fills_cap =
            dialect == Dialect::Chat && facts.output_cap != Cap::Set && !facts.has_max_completion_tokens;
        let shape = Shape {
            stream: facts.stream,
            vision: facts.vision,
            agent: facts.agent,
            fills_cap,
            reasoning: facts.reasoning,
            tools: facts.tools > 0,
        };
        Some(Kind { target: target.to_owned(), hints, model: facts.model.clone(), shape })
    }
}

/// Whether the body is declared as JSON, once.
fn is_json(headers: &HeaderMap) -> bool {
    let mut declared = headers.get_all(CONTENT_TYPE).iter();
    let (Some(first), None) = (declared.next(), declared.next()) else { return false };
    let essence = first.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
