//! A chat request into a conversation, for models that have no chat endpoint (upstream.md 10.1, 11).

use super::{
    decode_messages::turns_of,
    decode_tools::{choice_of, tools_of},
    frames::count,
    thinking::{MEMBERS, shown, thinking_of},
};
use crate::{
    canonical::{AnswerContext, Conversation, Decoded, Members},
    text::{Kind, Node, Tree},
    validation::{InvalidRequest, given},
};

const OPTIONS: [&str; 18] = [
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "user",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logit_bias",
    "response_format",
    "verbosity",
    "prompt_cache_key",
    "metadata",
    "service_tier",
    "store",
];
const READ: [&str; 9] = [
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "n",
    "stream_options",
];

/// Returns the conversation and the changes that were made. `root` was accepted by validation.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be translated.
pub(crate) fn decode_request<'d, 'a>(root: Node<'d, 'a>) -> Result<Decoded<'d, 'a>, InvalidRequest> {
    if count(root.get("n")).is_some_and(|choices| choices > 1) {
        return Err(InvalidRequest::new("this model gives one choice", "n"));
    }
    let mut rewrites = Vec::new();
    let turns = turns_of(root.get("messages"), &mut rewrites)?;
    let tools = tools_of(root, &mut rewrites)?;
    let (tool_choice, tools) = choice_of(root, tools, &mut rewrites)?;
    for (name, value) in root.members() {
        let name = name.text().unwrap_or_default();
        let read = [&READ[..], &MEMBERS, &OPTIONS].iter().any(|names| names.contains(&&*name));
        if !read && !matches!(value.kind(), Kind::Null | Kind::False) {
            rewrites.push(format!("dropped {name}"));
        }
    }
    let options = OPTIONS.into_iter().filter_map(|name| Some((name.into(), given(root, name)?.into())));
    let parallel = root.get("parallel_tool_calls").map(Node::kind);
    let custom = tools.iter().flatten().filter(|tool| tool.custom).map(|tool| tool.name().into_owned());
    let legacy = given(root, "functions").is_some() && given(root, "tools").is_none();
    let echo = if legacy { vec![("functions".to_owned(), Tree::Bool(true))] } else { Vec::new() };
    let mut context = AnswerContext { custom: custom.collect(), echo, ..AnswerContext::default() };
    let mut thinking = thinking_of(root);
    shown(&mut thinking, &mut context);
    let conversation = Conversation {
        model: root.get("model").and_then(Node::string).unwrap_or_default(),
        turns,
        options: Members(options.collect()),
        tools,
        tool_choice,
        parallel_tools: match parallel {
            Some(Kind::True) => Some(true),
            Some(Kind::False) => Some(false),
            _ => None,
        },
        thinking,
    };
    Ok(Decoded { conversation, rewrites, context })
}
