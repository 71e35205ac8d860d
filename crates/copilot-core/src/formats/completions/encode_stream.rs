//! Events into a stream of text completions.

use super::encode_answer::{prompt_of, reason};
use crate::{
    canonical::{AnswerContext, AnswerEvent, Finish, Usage},
    formats::chat::completion::{push, write_error, write_head, write_usage},
    parts,
    plans::StreamPlan,
    text::Tree,
};

/// Writes the text; usage comes only where it was asked for: old clients look at `choices[0]`.
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    started: bool,
    prompt: String,
    usage: bool,
    /// What each chunk begins with
    head: String,
}

impl parts::StreamEncoder for StreamEncoder {
    fn started(&self) -> bool {
        self.started
    }

    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>) {
        match event {
            AnswerEvent::Text(text) => self.chunk(out, text, None),
            AnswerEvent::Start { id, model, created, .. } => {
                self.started = true;
                self.head.clear();
                write_head(&mut self.head, id, "text_completion", created, model);
                // A first chunk in any case: the answer has begun, and failures are in-band from here on.
                self.chunk(out, &self.prompt, None);
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        self.chunk(out, "", Some(reason(&finish.reason)));
        if let Some(usage) = usage.filter(|_| self.usage) {
            push(out, &["data: ", &self.head, "\"choices\":[],\"usage\":"]);
            write_usage(out, usage);
            out.push_str("}\n\n");
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn fail(&mut self, out: &mut String, message: &str, code: &str) {
        write_error(out, message, code);
    }

    fn keep_alive(&mut self, out: &mut String) {
        out.push_str(": keep-alive\n\n");
    }
}

impl StreamEncoder {
    pub(crate) fn new(_plan: &StreamPlan, context: &AnswerContext) -> Self {
        let wanted = |(name, value): &(String, Tree<'_>)| name == "usage" && *value == Tree::Bool(true);
        Self {
            started: false,
            prompt: prompt_of(context).to_owned(),
            usage: context.echo.iter().any(wanted),
            head: "{".to_owned(),
        }
    }

    fn chunk(&self, out: &mut String, text: &str, reason: Option<&str>) {
        push(out, &["data: ", &self.head, "\"choices\":[{\"text\":\"", text]);
        out.push_str("\",\"index\":0,\"logprobs\":null,\"finish_reason\":");
        match reason {
            Some(reason) => push(out, &["\"", reason, "\""]),
            None => out.push_str("null"),
        }
        out.push_str("}]}\n\n");
    }
}
