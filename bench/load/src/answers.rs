//! What Copilot's chat completions look like on the wire, whole and streamed.

use serde_json::Value;

use crate::frames::{self, Mark};

const CREATED: u64 = 1_795_390_000;
/// Of text in a whole answer.
const WHOLE_TEXT: usize = 80;

pub(crate) const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Append an answer with a JSON body.
pub(crate) fn whole(out: &mut Vec<u8>, body: &str) {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ";
    out.extend_from_slice(head);
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body.as_bytes());
}

/// A whole answer; the same mark and model always give the same bytes.
pub(crate) fn completion(model: &str, mark: Mark) -> String {
    let mut text = String::with_capacity(WHOLE_TEXT);
    frames::write(&mut text, mark, WHOLE_TEXT);
    let (model, asker) = (Value::from(model), mark.asker);
    format!(
        "{{\"choices\":[{{\"finish_reason\":\"stop\",\"index\":0,\"message\":{{\"content\":\"{text}\",\
         \"role\":\"assistant\"}}}}],\"created\":{CREATED},\"id\":\"chatcmpl-{asker:024}\",\"model\":{model},\
         \"object\":\"chat.completion\",\"usage\":{{\"completion_tokens\":20,\"prompt_tokens\":10,\
         \"prompt_tokens_details\":{{\"cached_tokens\":0}},\"total_tokens\":30}}}}"
    )
}

/// The frames of one stream: all but the text is written once.
pub(crate) struct ChunkTemplate {
    after: String,
}

const CHOICE: &str = "data: {\"choices\":[{\"content_filter_results\":{},\"delta\":";
const OPEN: &str = "\"finish_reason\":null,";

impl ChunkTemplate {
    pub(crate) fn new(model: &str, id: &str) -> Self {
        let model = Value::from(model);
        let after = format!(
            "\"index\":0,\"logprobs\":null}}],\"created\":{CREATED},\"id\":\"{id}\",\"model\":{model},\
             \"object\":\"chat.completion.chunk\",\"system_fingerprint\":\"fp_0000000000\",\"usage\":"
        );
        Self { after }
    }

    pub(crate) fn opening(&self, out: &mut Vec<u8>) {
        let delta = "{\"content\":\"\",\"refusal\":null,\"role\":\"assistant\"},";
        chunk(out, &[CHOICE, delta, OPEN, &self.after, "null}\n\n"]);
    }

    pub(crate) fn content(&self, out: &mut Vec<u8>, text: &str) {
        chunk(out, &[CHOICE, "{\"content\":\"", text, "\"},", OPEN, &self.after, "null}\n\n"]);
    }

    /// The reason for the end, the usage, the end mark.
    pub(crate) fn closing(&self, chunks: u64) -> [String; 3] {
        let after = &self.after;
        let rest = after.split_once("],").map_or("", |(_, rest)| rest);
        let all = chunks + 10;
        let usage = format!(
            "{{\"completion_tokens\":{chunks},\"prompt_tokens\":10,\
             \"prompt_tokens_details\":{{\"cached_tokens\":0}},\"total_tokens\":{all}}}"
        );
        [
            format!("{CHOICE}{{}},\"finish_reason\":\"stop\",{after}null}}\n\n"),
            format!("data: {{\"choices\":[],{rest}{usage}}}\n\n"),
            "data: [DONE]\n\n".to_owned(),
        ]
    }
}

/// Append one chunk of a chunked body.
pub(crate) fn chunk(out: &mut Vec<u8>, parts: &[&str]) {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use serde_json::Value;

    use super::{ChunkTemplate, completion};
    use crate::frames::{self, Mark};

    const MARK: Mark = Mark { sequence: 0, total: 1, nanoseconds: 5, asker: 7 };

    #[test]
    fn answers_are_json_with_one_mark() {
        let body = completion("a\"b", MARK);
        let value: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value.get("model"), Some(&Value::from("a\"b")));
        let mut marks = Vec::new();
        frames::read(body.as_bytes(), |mark| marks.push(mark)).unwrap();
        assert_eq!(marks, [MARK]);
    }

    #[test]
    fn frames_are_json() {
        let template = ChunkTemplate::new("m", "id");
        let mut out = Vec::new();
        template.opening(&mut out);
        template.content(&mut out, "text");
        let text = String::from_utf8(out).unwrap() + &template.closing(3).concat();
        let frames: Vec<&str> = text.split("data: ").skip(1).collect();
        for frame in frames.iter().filter(|frame| !frame.starts_with("[DONE]")) {
            serde_json::from_str::<Value>(frame.split('\n').next().unwrap()).unwrap();
        }
        assert_eq!(frames.len(), 5);
    }
}
