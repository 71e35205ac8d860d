//! What a frame of an Anthropic stream means for the stream (upstream.md 6.4, 10.3).

use crate::{
    formats::chat::frames::{self, plain},
    look::Look as _,
    parts::Verdict,
    text::{Kind, Node},
};

/// A fault is an error event, or an error that stands alone.
pub(crate) fn judge(frame: Node<'_, '_>) -> Verdict {
    let kind = frame.get("type");
    let is_kind = |name: &str| kind.is_some_and(|kind| kind.is(name));
    if is_kind("message_stop") {
        return Verdict::Over;
    }
    let is_typed = kind.is_some_and(|kind| kind.kind() == Kind::String);
    let error = frames::error_of(frame);
    if !is_kind("error") && (is_typed || error.is_none()) {
        return Verdict::More;
    }
    let (message, mut code) = error.unwrap_or_default();
    let own = frame.member("error").filter(|error| error.is_map()).map(|error| error.word("type"));
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        code = own;
    }
    let message = plain(&message);
    let message = if message.is_empty() { "upstream reported an error".to_owned() } else { message };
    Verdict::Fault { message, code: plain(&code) }
}
