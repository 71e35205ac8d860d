//! An Ollama request, `/api/chat` or `/api/generate`, into a conversation (upstream.md 10.5).

use super::options::{options_of, thinking_of};
use crate::{
    canonical::{
        AnswerContext, Block, Conversation, Decoded, Image, Inside, Members, Reasoning, Role, Tool, ToolCall,
        ToolResult, Turn,
    },
    formats::chat::thinking::shown,
    text::{Kind, Node, Tree, escape_json_text},
    validation::{InvalidRequest, given, is_filled},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

/// How pictures begin in base64.
const KINDS: [(&str, &str); 4] =
    [("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];

/// Returns the conversation and the changes that were made. `root` was accepted by validation.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be translated.
pub(crate) fn decode_request<'d, 'a>(root: Node<'d, 'a>) -> Result<Decoded<'d, 'a>> {
    let mut rewrites = Vec::new();
    let model = word(root, "model");
    let mut echo = vec![("model".to_owned(), Tree::Text(model.clone()).into_owned())];
    let turns = if let Some(messages) = root.get("messages") {
        let mut reader = Reader { turns: Vec::new(), rewrites: &mut rewrites, open: Vec::new() };
        for (number, message) in messages.items().enumerate() {
            reader.take(message, number)?;
        }
        reader.turns
    } else {
        echo.push(("generate".to_owned(), Tree::Bool(true)));
        generate(root)?
    };
    let options = options_of(root, &mut rewrites)?;
    let tools = tools(root.get("tools"))?;
    let mut thinking = thinking_of(root);
    let mut context = AnswerContext { echo, ..AnswerContext::default() };
    shown(&mut thinking, &mut context);
    let conversation = Conversation { model, turns, options, tools, thinking, ..Conversation::default() };
    Ok(Decoded { conversation, rewrites, context })
}

fn word<'a>(object: Node<'_, 'a>, name: &str) -> Inside<'a> {
    object.get(name).and_then(Node::string).unwrap_or_default()
}

fn generate<'d, 'a>(root: Node<'d, 'a>) -> Result<Vec<Turn<'d, 'a>>> {
    let system = word(root, "system");
    let mut turns = Vec::new();
    if !system.is_empty() {
        turns.push(Turn::new(Role::System, vec![Block::Text(system)], true));
    }
    let pictures = pictures(root, &String::new)?;
    let plain = pictures.is_empty();
    let blocks = std::iter::once(Block::Text(word(root, "prompt"))).chain(pictures);
    turns.push(Turn::new(Role::User, blocks.collect(), plain));
    Ok(turns)
}

/// Collects turns; pairs results with calls, which have no ids in most clients.
struct Reader<'r, 'd, 'a> {
    turns: Vec<Turn<'d, 'a>>,
    rewrites: &'r mut Vec<String>,
    /// Ids and names of calls that have no result yet
    open: Vec<(Inside<'a>, Inside<'a>)>,
}

impl<'d, 'a> Reader<'_, 'd, 'a> {
    fn take(&mut self, message: Node<'d, 'a>, number: usize) -> Result<()> {
        let (role, content) = (word(message, "role"), word(message, "content"));
        let mut pictures = pictures(message, &|| format!("messages[{number}]."))?;
        if role == "tool" {
            self.result(message, content, pictures);
            return Ok(());
        }
        if !pictures.is_empty() && role != "user" {
            self.rewrites.push(format!("dropped pictures of a message of role {role}"));
            pictures.clear();
        }
        if role != "assistant" {
            let role = if role == "system" { Role::System } else { Role::User };
            let plain = pictures.is_empty();
            let blocks = std::iter::once(Block::Text(content)).chain(pictures);
            self.turns.push(Turn::new(role, blocks.collect(), plain));
            return Ok(());
        }
        self.open.clear();
        let mut blocks = Vec::new();
        let thought = word(message, "thinking");
        if !thought.is_empty() {
            blocks.push(Block::Reasoning(Reasoning { text: thought, ..Reasoning::default() }));
        }
        let calls = calls(message.get("tool_calls"), number)?;
        self.open.extend(calls.iter().map(|call| (call.id.clone(), call.name.clone())));
        if !content.is_empty() {
            blocks.push(Block::Text(content));
        }
        blocks.extend(calls.into_iter().map(Block::ToolCall));
        if !blocks.is_empty() {
            let plain = matches!(blocks.as_slice(), [Block::Text(_)]);
            self.turns.push(Turn::new(Role::Assistant, blocks, plain));
        }
        Ok(())
    }

    fn result(&mut self, message: Node<'d, 'a>, content: Inside<'a>, pictures: Vec<Block<'a>>) {
        let mut name = word(message, "tool_name");
        if name.is_empty() {
            name = word(message, "name");
        }
        let Some((call_id, name)) = self.answered(&word(message, "tool_call_id"), &name) else {
            self.rewrites.push("sent a tool result that answers no call as text".to_owned());
            let text = if name.is_empty() {
                content
            } else {
                Inside::Owned(["Result of the tool ", &name, ":\\n", &content].concat())
            };
            let plain = pictures.is_empty();
            let blocks = std::iter::once(Block::Text(text)).chain(pictures);
            self.turns.push(Turn::new(Role::User, blocks.collect(), plain));
            return;
        };
        let content = std::iter::once(Block::Text(content)).chain(pictures).collect();
        let result = Block::ToolResult(ToolResult { call_id, content, name, ..ToolResult::default() });
        let only_results =
            |turn: &Turn<'_, '_>| turn.blocks.iter().all(|block| matches!(block, Block::ToolResult(_)));
        match self.turns.last_mut() {
            Some(last) if last.role == Role::User && only_results(last) => last.blocks.push(result),
            _ => self.turns.push(Turn::new(Role::User, vec![result], false)),
        }
    }

    /// The call that a result is of: by its id, else the first open one of that name, or of all.
    fn answered(&mut self, id: &str, name: &str) -> Option<(Inside<'a>, Inside<'a>)> {
        let by_id = self.open.iter().position(|(call, _)| !id.is_empty() && call == id);
        let by_name = || self.open.iter().position(|(_, called)| !name.is_empty() && called == name);
        let by_order = || (!self.open.is_empty() && name.is_empty()).then_some(0);
        let place = by_id.or_else(by_name).or_else(by_order)?;
        Some(self.open.remove(place))
    }
}

fn calls<'a>(calls: Option<Node<'_, 'a>>, number: usize) -> Result<Vec<ToolCall<'a>>> {
    let path = || format!("messages[{number}].tool_calls");
    let Some(calls) = calls.filter(|calls| !calls.is_null()) else {
        return Ok(Vec::new());
    };
    if calls.kind() != Kind::List {
        return Err(InvalidRequest::new("must be a list", path()));
    }
    let mut found = Vec::new();
    for (place, call) in calls.items().enumerate() {
        let function = call.get("function");
        let name = function.map(|function| word(function, "name")).unwrap_or_default();
        if name.is_empty() {
            let path = format!("{}[{place}].function.name", path());
            return Err(InvalidRequest::new("must be a string", path));
        }
        let mut id = word(call, "id");
        if id.is_empty() {
            id = Inside::Owned(format!("call_{number}_{place}"));
        }
        let arguments = match function.and_then(|function| given(function, "arguments")) {
            None => Inside::Borrowed("{}"),
            Some(arguments) => arguments.string().unwrap_or_else(|| {
                let mut out = String::new();
                escape_json_text(&mut out, &arguments.canonical());
                Inside::Owned(out)
            }),
        };
        found.push(ToolCall { id, name, arguments, ..ToolCall::default() });
    }
    Ok(found)
}

fn pictures<'a>(value: Node<'_, 'a>, path: &dyn Fn() -> String) -> Result<Vec<Block<'a>>> {
    let mut found = Vec::new();
    for (number, data) in value.get("images").into_iter().flat_map(Node::items).enumerate() {
        let wrong = |message| Err(InvalidRequest::new(message, format!("{}images[{number}]", path())));
        let Some(data) = data.string() else {
            return wrong("must be a string");
        };
        let url = if data.starts_with("data:") {
            data
        } else if let Some((_, kind)) = KINDS.iter().find(|(start, _)| data.starts_with(start)) {
            Inside::Owned(["data:", kind, ";base64,", &data].concat())
        } else {
            return wrong("must be a PNG, JPEG, GIF or WebP picture in base64");
        };
        found.push(Block::Image(Image { url, ..Image::default() }));
    }
    Ok(found)
}

fn tools<'d, 'a>(tools: Option<Node<'d, 'a>>) -> Result<Option<Vec<Tool<'d, 'a>>>> {
    let Some(tools) = tools.filter(|tools| is_filled(*tools)) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for (number, tool) in tools.items().enumerate() {
        let function = tool.get("function");
        let Some(function) = function.filter(|function| !word(*function, "name").is_empty()) else {
            let path = format!("tools[{number}].function.name");
            return Err(InvalidRequest::new("must be a string", path));
        };
        let kept = ["name", "description", "parameters"].into_iter();
        let kept = kept.filter_map(|name| {
            let value = function.get(name).filter(|value| is_filled(*value))?;
            Some((name.into(), value.into()))
        });
        found.push(Tool { members: Members(kept.collect()), ..Tool::default() });
    }
    Ok(Some(found))
}
