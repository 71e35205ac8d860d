//! What a frame of a chat stream means for the stream (upstream.md 4.4).

use super::frames::{self, plain};
use crate::{parts::Verdict, text::Node};

/// A fault is an error object that stands beside no choices.
pub(crate) fn judge(frame: Node<'_, '_>) -> Verdict {
    let Some((message, code)) = frames::error_of(frame) else {
        return Verdict::More;
    };
    if !frames::choices_of(frame).is_empty() {
        return Verdict::More;
    }
    let message = plain(&message);
    let message = if message.is_empty() { "upstream reported an error".to_owned() } else { message };
    Verdict::Fault { message, code: plain(&code) }
}
