//! The facts of a completions request.

use crate::{
    canonical::Inside,
    text::{Kind, Node},
    validation::{Cap, Facts, InvalidRequest},
};

pub(crate) fn facts(root: Node<'_, '_>) -> Result<Facts, InvalidRequest> {
    if root.kind() != Kind::Object {
        return Err(InvalidRequest::new("the body must be a JSON object", ""));
    }
    let model = root.get("model").and_then(Node::text).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| InvalidRequest::new("must be a model name", "model"))?.into_owned();
    prompt_of(root)?;
    Ok(Facts {
        model,
        stream: root.get("stream").is_some_and(|stream| stream.kind() == Kind::True),
        initiator_reason: "a completion is the user's".to_owned(),
        messages: 1,
        output_cap: match root.get("max_tokens") {
            None => Cap::Absent,
            Some(cap) if cap.is_null() => Cap::Null,
            Some(_) => Cap::Set,
        },
        ..Facts::default()
    })
}

/// The prompt; several are refused, and so are lists of token ids.
pub(super) fn prompt_of<'a>(root: Node<'_, 'a>) -> Result<Inside<'a>, InvalidRequest> {
    let refused = |message| Err(InvalidRequest::new(message, "prompt"));
    let Some(prompt) = root.get("prompt") else {
        return refused("must be a string");
    };
    if prompt.kind() != Kind::List {
        return prompt.string().map_or_else(|| refused("must be a string"), Ok);
    }
    let items: Vec<_> = prompt.items().collect();
    match items.as_slice() {
        [one] => one.string().map_or_else(|| refused("must be text: lists of token ids are not taken"), Ok),
        several if several.iter().all(|item| item.kind() == Kind::String) => {
            refused("one prompt at a time can be completed")
        }
        _ => refused("must be text: lists of token ids are not taken"),
    }
}
