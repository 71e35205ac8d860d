//! Contents into turns: pieces of one answer joined, calls and responses paired by id, name and order.

use std::borrow::Cow;

use super::{
    media,
    members::{Content, Object, Part, Result, Role, lowered, object_at, objects_at},
    signatures,
};
use crate::{
    canonical::{self, Block, Inside, Reasoning, ToolCall, ToolResult, Turn},
    text::{Kind, Node, escape_json_text},
    validation::{InvalidRequest, Path},
};

const KINDS: [&str; 7] = [
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "text",
];
const READ: [&str; 9] = [
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "text",
    "thought",
    "thoughtSignature",
];

/// The turns; parts that cannot be translated are an error.
pub(super) fn turns_of<'d, 'a>(
    contents: Vec<Content<'d, 'a>>,
    rewrites: &mut Vec<String>,
) -> Result<Vec<Turn<'d, 'a>>> {
    let mut reader = Reader {
        turns: Vec::with_capacity(contents.len()),
        rewrites,
        model: Vec::new(),
        signed: Vec::new(),
        open: Vec::new(),
        invented: 0,
    };
    for content in contents {
        reader.take(&content)?;
    }
    reader.close();
    Ok(reader.turns)
}

struct Reader<'d, 'a, 'r> {
    turns: Vec<Turn<'d, 'a>>,
    rewrites: &'r mut Vec<String>,
    model: Vec<Block<'a>>,
    signed: Vec<Reasoning<'a>>,
    /// Calls that have no response yet: id and name
    open: Vec<(Inside<'a>, Inside<'a>)>,
    invented: usize,
}

impl<'d, 'a> Reader<'d, 'a, '_> {
    fn take(&mut self, content: &Content<'d, 'a>) -> Result<()> {
        // A streamed answer comes back as one content a chunk: they are one turn.
        if content.role == Role::Model {
            return content.parts.iter().try_for_each(|part| self.of_model(part));
        }
        self.close();
        let mut blocks = Vec::with_capacity(content.parts.len());
        for part in &content.parts {
            self.of_user(part, &mut blocks)?;
        }
        if blocks.is_empty() {
            return Ok(());
        }
        match self.turns.last_mut() {
            Some(last)
                if last.role == canonical::Role::User
                    && only_results(&last.blocks)
                    && only_results(&blocks) =>
            {
                last.blocks.append(&mut blocks);
            }
            _ => self.turns.push(Turn::new(canonical::Role::User, blocks, false)),
        }
        Ok(())
    }

    /// Ends the model's turn: its carriers belong to its last thoughts, or stand before everything.
    fn close(&mut self) {
        let mut thoughts = self.model.iter_mut().rev().filter_map(|block| match block {
            Block::Reasoning(thought) => Some(thought),
            _ => None,
        });
        let mut ahead = Vec::new();
        for signed in self.signed.drain(..).rev() {
            if !signed.redacted
                && let Some(thought) = thoughts.next()
            {
                thought.carrier = signed.carrier;
            } else {
                ahead.push(Block::Reasoning(signed));
            }
        }
        ahead.reverse();
        ahead.append(&mut self.model);
        if !ahead.is_empty() {
            self.turns.push(Turn::new(canonical::Role::Assistant, ahead, false));
        }
    }

    fn of_model(&mut self, part: &Part<'d, 'a>) -> Result<()> {
        self.signature(part)?;
        for (kind, value) in self.kinds(part)? {
            let path = || format!("{}.{kind}", part.path);
            match kind {
                "functionResponse" => {
                    return Err(InvalidRequest::new("must be in a content of role user", path()));
                }
                "inlineData" | "fileData" => self.rewrites.push(format!("left out {kind} of the model")),
                "functionCall" => self.call(value, &path)?,
                "text" => {
                    let text = text(part)?;
                    let thought = part.members.is_true("thought");
                    self.append(text, thought);
                }
                _ => {
                    let text = self.code(kind, value, &path)?;
                    self.append(text, false);
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, piece: Inside<'a>, thought: bool) {
        match self.model.last_mut() {
            Some(Block::Text(text)) if !thought => text.to_mut().push_str(&piece),
            Some(Block::Reasoning(Reasoning { text, .. })) if thought => text.to_mut().push_str(&piece),
            _ if piece.is_empty() => {}
            _ if thought => {
                self.model.push(Block::Reasoning(Reasoning { text: piece, ..Reasoning::default() }));
            }
            _ => self.model.push(Block::Text(piece)),
        }
    }

    fn of_user(&mut self, part: &Part<'d, 'a>, blocks: &mut Vec<Block<'a>>) -> Result<()> {
        self.signature(part)?;
        for (kind, value) in self.kinds(part)? {
            let path = || format!("{}.{kind}", part.path);
            blocks.push(match kind {
                "functionCall" => {
                    return Err(InvalidRequest::new("must be in a content of role model", path()));
                }
                "functionResponse" => self.response(value, &path)?,
                "inlineData" => media::inline(value, &path, self.rewrites)?,
                "fileData" => media::file(value, &path)?,
                "text" => match text(part)? {
                    text if text.is_empty() => continue,
                    text => Block::Text(text),
                },
                _ => Block::Text(self.code(kind, value, &path)?),
            });
        }
        Ok(())
    }

    /// What the part holds, in the order of [`KINDS`].
    fn kinds(&mut self, part: &Part<'d, 'a>) -> Result<Vec<(&'static str, Node<'d, 'a>)>> {
        let kinds: Vec<_> = KINDS.iter().filter_map(|kind| Some((*kind, part.members.get(kind)?))).collect();
        let mut unknown = part.members.others(&READ).peekable();
        if kinds.is_empty()
            && let Some(name) = unknown.peek()
        {
            let message = format!("parts with {name} cannot be sent to this model");
            return Err(InvalidRequest::new(message, part.path.clone()));
        }
        self.rewrites.extend(unknown.map(|name| format!("dropped {name} of a part")));
        Ok(kinds)
    }

    fn signature(&mut self, part: &Part<'d, 'a>) -> Result<()> {
        let signature = part.members.text("thoughtSignature", &|| part.path.clone())?;
        if signature.is_empty() {
            return Ok(());
        }
        match signatures::read(&signature) {
            Some(found) => self.signed.extend(found),
            None => {
                self.rewrites.push("dropped a thoughtSignature that is not of this gateway".to_owned());
            }
        }
        Ok(())
    }

    fn code(&mut self, kind: &str, value: Node<'d, 'a>, path: Path<'_>) -> Result<Inside<'a>> {
        let members = object_at(Some(value), path)?;
        self.rewrites.push(format!("{kind} sent as text"));
        let parts = if kind == "executableCode" {
            let language = lowered(members.text("language", path)?);
            ["\\n```", &language, "\\n", &members.text("code", path)?, "\\n```\\n"].concat()
        } else {
            ["\\n```\\n", &members.text("output", path)?, "\\n```\\n"].concat()
        };
        Ok(Cow::Owned(parts))
    }

    fn call(&mut self, value: Node<'d, 'a>, path: Path<'_>) -> Result<()> {
        let members = object_at(Some(value), path)?;
        let name = function_name(&members, path)?;
        let mut id = members.text("id", path)?;
        let arguments = match members.get("args") {
            None => Cow::Borrowed("{}"),
            Some(arguments) if arguments.kind() == Kind::Object => json_inside(arguments),
            Some(_) => return Err(InvalidRequest::new("must be an object", format!("{}.args", path()))),
        };
        if id.is_empty() {
            // Counted, so that a longer history of the same conversation gives the same ids.
            id = Cow::Owned(format!("call_gemini_{}", self.invented));
            self.invented += 1;
        }
        self.open.push((id.clone(), name.clone()));
        self.model.push(Block::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() }));
        Ok(())
    }

    fn response(&mut self, value: Node<'d, 'a>, path: Path<'_>) -> Result<Block<'a>> {
        let members = object_at(Some(value), path)?;
        let name = function_name(&members, path)?;
        let id = members.text("id", path)?;
        let by_id = self.open.iter().position(|(call, _)| !id.is_empty() && *call == id);
        let place = by_id.or_else(|| self.open.iter().position(|(_, call)| *call == name));
        let Some(place) = place else {
            return Err(InvalidRequest::new("answers no function call", path()));
        };
        let (call_id, _) = self.open.remove(place);
        let (text, is_error) = outcome(members.get("response"), path)?;
        let mut content = vec![Block::Text(text)];
        for (piece, place) in objects_at(members.get("parts"), &|| format!("{}.parts", path()))? {
            if let Some(data) = piece.get("inlineData") {
                content.push(media::inline(data, &|| format!("{place}.inlineData"), self.rewrites)?);
            } else if let Some(data) = piece.get("fileData") {
                content.push(media::file(data, &|| format!("{place}.fileData"))?);
            } else {
                return Err(InvalidRequest::new("must hold inlineData or fileData", place));
            }
        }
        Ok(Block::ToolResult(ToolResult { call_id, content, is_error, name, ..ToolResult::default() }))
    }
}

fn text<'a>(part: &Part<'_, 'a>) -> Result<Inside<'a>> {
    part.members.text("text", &|| part.path.clone())
}

/// The text of a response, and whether the function failed (`output` and `error` are Google's).
fn outcome<'a>(response: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<(Inside<'a>, bool)> {
    let Some(response) = response else {
        return Ok((Cow::Borrowed("{}"), false));
    };
    if response.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be an object", format!("{}.response", path())));
    }
    if let [(name, value)] = *response.members()
        && (name.is("output") || name.is("error"))
    {
        return Ok((value.string().unwrap_or_else(|| json_inside(value)), name.is("error")));
    }
    Ok((json_inside(response), false))
}

/// The canonical text of a value, as the inside of a string.
fn json_inside<'a>(value: Node<'_, 'a>) -> Inside<'a> {
    let json = value.canonical();
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    escape_json_text(&mut out, &json);
    Cow::Owned(out)
}

fn function_name<'a>(members: &Object<'_, 'a>, path: Path<'_>) -> Result<Inside<'a>> {
    let name = members.text("name", path)?;
    if name.is_empty() {
        return Err(InvalidRequest::new("must be a function name", format!("{}.name", path())));
    }
    Ok(name)
}

fn only_results(blocks: &[Block<'_>]) -> bool {
    blocks.iter().all(|block| matches!(block, Block::ToolResult(_)))
}
