//! A request of `generateContent` into a conversation (upstream.md 10.4).

use super::{
    functions::{choice_of, tools_of},
    generation::{options_of, thinking_of, wants_thoughts},
    members::{Result, content_at, contents_at, object_at, request_of},
    turns::turns_of,
};
use crate::{
    canonical::{AnswerContext, Block, Conversation, Decoded, Inside, Role, Turn},
    text::{Node, Tree},
    validation::InvalidRequest,
};

const READ: [&str; 6] = ["contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model"];

/// The conversation and the changes that were made.
///
/// # Errors
///
/// [`InvalidRequest`]
pub(crate) fn decode_request<'d, 'a>(root: Node<'d, 'a>) -> Result<Decoded<'d, 'a>> {
    let mut rewrites = Vec::new();
    let (request, prefix) = request_of(root)?;
    if request.get("cachedContent").is_some() {
        let message = "there is no cached content here: send the contents";
        return Err(InvalidRequest::new(message, format!("{prefix}cachedContent")));
    }
    let path = format!("{prefix}systemInstruction");
    let mut turns = system(request.get("systemInstruction"), &path, &mut rewrites)?;
    let contents = contents_at(request.get("contents"), &format!("{prefix}contents"))?;
    turns.extend(turns_of(contents, &mut rewrites)?);
    let tools = tools_of(request.get("tools"), &|| format!("{prefix}tools"), &mut rewrites)?;
    let path = || format!("{prefix}toolConfig");
    let (tool_choice, tools) = choice_of(request.get("toolConfig"), &path, tools, &mut rewrites)?;
    let path = || format!("{prefix}generationConfig");
    let config = object_at(request.get("generationConfig"), &path)?;
    let options = options_of(&config, &path, &mut rewrites)?;
    let thinking = thinking_of(config.get("thinkingConfig"), &|| format!("{}.thinkingConfig", path()))?;
    rewrites.extend(request.others(&READ).map(|name| format!("dropped {name}")));
    let mut seen = std::collections::HashSet::new();
    rewrites.retain(|rewrite| seen.insert(rewrite.clone()));
    let mut context = AnswerContext::default();
    if wants_thoughts(config.get("thinkingConfig"))? {
        context.echo.push(("thoughts".to_owned(), Tree::Bool(true)));
    }
    let conversation = Conversation {
        model: Inside::default(),
        turns,
        options,
        tools,
        tool_choice,
        parallel_tools: None,
        thinking,
    };
    Ok(Decoded { conversation, rewrites, context })
}

fn system<'d, 'a>(
    value: Option<Node<'d, 'a>>,
    path: &str,
    rewrites: &mut Vec<String>,
) -> Result<Vec<Turn<'d, 'a>>> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let mut texts = Vec::new();
    for part in content_at(value, path, false)?.parts {
        let text = part.members.text("text", &|| part.path.clone())?;
        if !text.is_empty() {
            texts.push(Block::Text(text));
        }
        let others = part.members.others(&["text"]);
        rewrites.extend(others.map(|name| format!("left out {name} of the system instruction")));
    }
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let plain = texts.len() == 1;
    Ok(vec![Turn::new(Role::System, texts, plain)])
}
