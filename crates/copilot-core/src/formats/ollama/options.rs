//! What an Ollama request asks for beside its messages: options, format, thinking.

use super::facts::streams;
use crate::{
    canonical::{Inside, Members, Thinking, Value},
    formats::chat::frames::count,
    text::{Kind, Node, Tree},
    validation::{InvalidRequest, given},
};

const KEPT: [&str; 6] = ["temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"];
const LOCAL: [&str; 14] = [
    "num_ctx",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
    "num_keep",
    "low_vram",
    "use_mmap",
    "use_mlock",
    "numa",
    "f16_kv",
    "vocab_only",
    "logits_all",
    "num_gqa",
];
const READ: [&str; 11] = [
    "model",
    "messages",
    "prompt",
    "system",
    "images",
    "tools",
    "options",
    "stream",
    "format",
    "think",
    "keep_alive",
];
const NAMELESS: &str = "answer";

/// The output cap; a negative one is none, as in Ollama.
pub(super) fn cap_of<'d, 'a>(root: Node<'d, 'a>) -> Option<Node<'d, 'a>> {
    let cap = root.get("options")?.get("num_predict")?;
    count(Some(cap)).filter(|cap| *cap > 0).map(|_| cap)
}

/// What `think` asks for.
pub(super) fn thinking_of<'d, 'a>(root: Node<'d, 'a>) -> Option<Thinking<'d, 'a>> {
    let think = given(root, "think")?;
    if let Some(effort) = think.string() {
        return (!effort.is_empty()).then(|| Thinking { effort, ..Thinking::default() });
    }
    Some(if think.kind() == Kind::True {
        Thinking { adaptive: true, ..Thinking::default() }
    } else {
        Thinking { effort: Inside::Borrowed("none"), ..Thinking::default() }
    })
}

/// The options by their chat names.
pub(super) fn options_of<'d, 'a>(
    root: Node<'d, 'a>,
    rewrites: &mut Vec<String>,
) -> Result<Members<'d, 'a>, InvalidRequest> {
    let mut options = Members::default();
    if let Some(cap) = cap_of(root) {
        options.set("max_tokens", cap);
    }
    let all = root.get("options").filter(|all| all.kind() == Kind::Object);
    let option = |name: &str| all.and_then(|all| given(all, name));
    let is_empty_list = |value: Node<'_, '_>| value.kind() == Kind::List && value.items().next().is_none();
    if let Some(stop) = option("stop").filter(|stop| !is_empty_list(*stop)) {
        options.set("stop", stop);
    }
    options.set("stream", Tree::Bool(streams(root)));
    for name in KEPT {
        if let Some(value) = option(name) {
            options.set(name, value);
        }
    }
    if let Some(format) = given(root, "format") {
        set_format(&mut options, format)?;
    }
    for (name, value) in all.into_iter().flat_map(Node::members) {
        let name = name.text().unwrap_or_default();
        let read = KEPT.contains(&&*name) || matches!(&*name, "stop" | "num_predict");
        if LOCAL.contains(&&*name) {
            rewrites.push(format!("options.{name} has no meaning for a model that runs elsewhere"));
        } else if !read && !value.is_null() {
            rewrites.push(format!("dropped options.{name}"));
        }
    }
    for (name, value) in root.members() {
        let name = name.text().unwrap_or_default();
        let nothing = matches!(value.kind(), Kind::Null | Kind::False)
            || is_empty_list(value)
            || value.string().is_some_and(|text| text.is_empty());
        if !READ.contains(&&*name) && !nothing {
            rewrites.push(format!("dropped {name}"));
        }
    }
    Ok(options)
}

fn set_format<'d, 'a>(options: &mut Members<'d, 'a>, format: Node<'d, 'a>) -> Result<(), InvalidRequest> {
    let layout = match format.kind() {
        Kind::String if format.is("") => return Ok(()),
        Kind::String if format.is("json") => Tree::object([("type", Tree::word("json_object"))]),
        Kind::Object => {
            let schema = Tree::object([("name", Tree::word(NAMELESS)), ("schema", Tree::from(format))]);
            Tree::object([("type", Tree::word("json_schema")), ("json_schema", schema)])
        }
        _ => return Err(InvalidRequest::new("must be \"json\" or a JSON schema", "format")),
    };
    options.set("response_format", Value::Tree(layout));
    Ok(())
}
