//! An answer as a text completion: its text, after the prompt where that was asked for.

use crate::{
    canonical::{Answer, AnswerContext, Block},
    formats::chat::completion::{finish_reason, push, write_head, write_usage},
};

/// Appends the completion.
pub(crate) fn encode_answer(out: &mut String, answer: &Answer<'_>, context: &AnswerContext) {
    write_head(out, &answer.id, "text_completion", answer.created, &answer.model);
    push(out, &["\"choices\":[{\"text\":\"", prompt_of(context)]);
    for block in &answer.blocks {
        if let Block::Text(text) = block {
            out.push_str(text);
        }
    }
    let reason = reason(answer.finish.as_ref().map_or("", |finish| &*finish.reason));
    push(out, &["\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"", reason, "\"}]"]);
    if let Some(usage) = answer.usage {
        out.push_str(",\"usage\":");
        write_usage(out, usage);
    }
    out.push('}');
}

/// The prompt where it is to be repeated.
pub(super) fn prompt_of(context: &AnswerContext) -> &str {
    context.echo.iter().find(|(name, _)| name == "prompt").map_or("", |(_, prompt)| prompt.inside())
}

/// A completion calls no tools.
pub(super) fn reason(reason: &str) -> &'static str {
    match finish_reason(reason, false) {
        "tool_calls" => "stop",
        reason => reason,
    }
}
