//! A completions request into a conversation of one message.

use super::facts::prompt_of;
use crate::{
    canonical::{AnswerContext, Block, Conversation, Decoded, Members, Role, Turn},
    formats::chat::frames::count,
    text::{Kind, Node, Tree},
    validation::{InvalidRequest, given},
};

const OPTIONS: [&str; 11] = [
    "max_tokens",
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
];
const READ: [&str; 6] = ["model", "prompt", "n", "best_of", "echo", "stream_options"];

/// Returns the conversation and the changes that were made.
///
/// # Errors
///
/// [`InvalidRequest`] for more than one completion.
pub(crate) fn decode_request<'d, 'a>(root: Node<'d, 'a>) -> Result<Decoded<'d, 'a>, InvalidRequest> {
    for name in ["n", "best_of"] {
        if count(root.get(name)).is_some_and(|wanted| wanted > 1) {
            return Err(InvalidRequest::new("one completion at a time can be made", name));
        }
    }
    let prompt = prompt_of(root)?;
    let is_true = |value: Option<Node<'d, 'a>>| value.is_some_and(|value| value.kind() == Kind::True);
    let mut echo = Vec::new();
    if is_true(root.get("echo")) {
        echo.push(("prompt".to_owned(), Tree::Text(prompt.clone()).into_owned()));
    }
    if is_true(root.get("stream_options").and_then(|options| options.get("include_usage"))) {
        echo.push(("usage".to_owned(), Tree::Bool(true)));
    }
    let mut rewrites = Vec::new();
    for (name, value) in root.members() {
        let name = name.text().unwrap_or_default();
        let read = READ.contains(&&*name) || OPTIONS.contains(&&*name);
        let nothing = matches!(value.kind(), Kind::Null | Kind::False)
            || value.string().is_some_and(|text| text.is_empty());
        if !read && !nothing {
            rewrites.push(format!("dropped {name}"));
        }
    }
    let options = OPTIONS.into_iter().filter_map(|name| Some((name.into(), given(root, name)?.into())));
    let conversation = Conversation {
        model: root.get("model").and_then(Node::string).unwrap_or_default(),
        turns: vec![Turn::new(Role::User, vec![Block::Text(prompt)], true)],
        options: Members(options.collect()),
        ..Conversation::default()
    };
    Ok(Decoded { conversation, rewrites, context: AnswerContext { echo, ..AnswerContext::default() } })
}
