//! Events into Ollama's stream: a line each, calls whole before the last one (upstream.md 10.5).

use super::answer::{is_generate, push, write_call, write_content, write_end, write_head};
use crate::{
    canonical::{AnswerContext, AnswerEvent, Finish, Usage},
    formats::chat::thinking::is_shown,
    parts,
    plans::StreamPlan,
    text::escape,
};

/// A call while its arguments come.
#[derive(Debug)]
struct Call {
    key: usize,
    id: String,
    name: String,
    arguments: String,
}

/// Writes lines; clients read each as JSON, so there is no comment and no end mark.
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    started: bool,
    reasoning: bool,
    context: AnswerContext,
    generate: bool,
    /// What each line begins with
    head: String,
    calls: Vec<Call>,
}

impl parts::StreamEncoder for StreamEncoder {
    fn started(&self) -> bool {
        self.started
    }

    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>) {
        match event {
            AnswerEvent::Text(text) => self.line(out, text, "", ""),
            AnswerEvent::Reasoning(text) if self.reasoning => self.line(out, "", text, ""),
            AnswerEvent::ToolStart { key, id, name, .. } => {
                let (id, name) = (id.to_owned(), name.to_owned());
                self.calls.push(Call { key, id, name, arguments: String::new() });
            }
            AnswerEvent::ToolArguments { key, text } => {
                if let Some(call) = self.calls.iter_mut().rfind(|call| call.key == key) {
                    call.arguments.push_str(text);
                }
            }
            AnswerEvent::Start { model, created, .. } => {
                self.started = true;
                self.head.clear();
                write_head(&mut self.head, &self.context, model, created);
            }
            AnswerEvent::Reasoning(_) | AnswerEvent::Carrier { .. } | AnswerEvent::Usage(_) => {}
        }
    }

    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        if !self.calls.is_empty() {
            let mut calls = String::new();
            for (index, call) in self.calls.iter().enumerate() {
                calls.push(if index == 0 { '[' } else { ',' });
                write_call(&mut calls, index, &call.id, &call.name, &call.arguments);
            }
            calls.push(']');
            self.line(out, "", "", &calls);
        }
        out.push_str(&self.head);
        write_content(out, self.generate, "", "", "");
        write_end(out, &finish.reason, usage);
        out.push('\n');
    }

    fn fail(&mut self, out: &mut String, message: &str, _code: &str) {
        push(out, &["{\"error\":\"", &escape(message), "\"}\n"]);
    }

    fn keep_alive(&mut self, out: &mut String) {
        self.line(out, "", "", "");
    }
}

impl StreamEncoder {
    pub(crate) fn new(plan: &StreamPlan, context: &AnswerContext) -> Self {
        let mut head = String::new();
        write_head(&mut head, context, &escape(&plan.model), None);
        Self {
            started: false,
            reasoning: is_shown(plan.reasoning, context),
            generate: is_generate(context),
            context: context.clone(),
            head,
            calls: Vec::new(),
        }
    }

    fn line(&self, out: &mut String, text: &str, thinking: &str, calls: &str) {
        out.push_str(&self.head);
        write_content(out, self.generate, text, thinking, calls);
        out.push_str(",\"done\":false}\n");
    }
}
