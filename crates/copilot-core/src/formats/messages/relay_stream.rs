//! Anthropic frames to Anthropic clients: bytes pass, without what Copilot adds (upstream.md 6.4).

use super::{
    answer::error_type,
    frames::{UsageMeter, finish_reason, is_extra},
};
use crate::{
    formats::chat::frames::{inside_of, plain},
    look::Look as _,
    parts::{self, Heard},
    sse::{self, Event},
    text::{Node, Tree},
};

/// Takes events of an Anthropic stream, gives the bytes for the client. Texts are canonical insides.
#[derive(Debug, Default)]
pub(crate) struct StreamRepairs {
    heard: Heard,
    meter: UsageMeter,
    started: bool,
    stopped: bool,
}

impl parts::StreamRepairs for StreamRepairs {
    fn heard(&self) -> &Heard {
        &self.heard
    }

    fn frame(&mut self, out: &mut Vec<u8>, event: &Event, frame: Node<'_, '_>) {
        let kind = frame.word("type");
        match &*kind {
            "message_start" => self.start(frame),
            "message_delta" => {
                self.meter.take(frame, &mut self.heard.usage);
                let stop = frame.member("delta").map(|delta| delta.word("stop_reason")).unwrap_or_default();
                if !stop.is_empty() {
                    finish_reason(&stop).clone_into(&mut self.heard.reason);
                }
            }
            "message_stop" => self.stopped = true,
            _ => {}
        }
        let extra = |name: Node<'_, '_>| name.text().is_some_and(|name| is_extra(&name));
        let stripped = frame.written_members().any(|(name, _)| extra(name)).then(|| stripped(frame));
        let data = stripped.as_deref().map_or_else(|| field(event.data.as_deref()), str::as_bytes);
        let name = field(event.event.as_deref());
        let made = if name.is_empty() { plain(&kind) } else { String::new() };
        let name = if name.is_empty() { made.as_bytes() } else { name };
        sse::write(out, data, name, field(event.id.as_deref()), field(event.retry.as_deref()));
    }

    // The end mark, if upstream did not send it.
    fn complete(&mut self, out: &mut Vec<u8>) {
        if !self.stopped {
            sse::write(out, b"{\"type\":\"message_stop\"}", b"message_stop", b"", b"");
        }
    }

    // An error event, which ends the stream for the client.
    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str) {
        let (kind, message) = (error_type(code), inside_of(message));
        let data =
            format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"{message}\"}}}}");
        sse::write(out, data.as_bytes(), b"error", b"", b"");
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if self.started {
            sse::write(out, b"{\"type\":\"ping\"}", b"ping", b"", b"");
        } else {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}

impl StreamRepairs {
    fn start(&mut self, frame: Node<'_, '_>) {
        let message = frame.member("message");
        let word = |name: &str| message.map(|message| message.word(name)).unwrap_or_default().into_owned();
        self.heard.response_id = word("id");
        self.heard.model = word("model");
        self.started = true;
        self.meter.take(frame, &mut self.heard.usage);
    }
}

fn field(value: Option<&[u8]>) -> &[u8] {
    value.unwrap_or_default()
}

/// The frame without Copilot's extras.
fn stripped(frame: Node<'_, '_>) -> String {
    let mut frame = Tree::from(frame);
    if let Tree::Object(members) = &mut frame {
        members.retain(|(name, _)| !is_extra(&crate::text::unescape(name)));
    }
    frame.to_json()
}
