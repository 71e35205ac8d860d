//! What an event of a Responses stream means for the stream (upstream.md 5.3, 5.4).

use crate::{
    formats::chat::frames::plain,
    look::Look,
    parts::Verdict,
    text::{Kind, Node},
};

/// Returns a fault, flat or nested, or that the stream is over.
pub(crate) fn judge(frame: Node<'_, '_>) -> Verdict {
    let error = frame.get("error").filter(|error| error.kind() == Kind::Object);
    let kind = frame.get("type");
    let word = frame.word("type");
    match &*word {
        "response.completed" | "response.incomplete" => Verdict::Over,
        "response.failed" | "response.cancelled" => {
            let inner = frame.get("response").and_then(|response| response.get("error"));
            fault(inner, &word)
        }
        "error" => fault(error.or(Some(frame)), "an error"),
        _ if error.is_some() && !kind.is_some_and(crate::validation::is_filled) => fault(error, "an error"),
        _ => Verdict::More,
    }
}

fn fault(error: Option<Node<'_, '_>>, otherwise: &str) -> Verdict {
    let word = |name: &str| plain(&error.map(|error| error.word(name)).unwrap_or_default());
    let message = word("message");
    let message = if message.is_empty() { format!("upstream reported {otherwise}") } else { message };
    Verdict::Fault { message, code: word("code") }
}
