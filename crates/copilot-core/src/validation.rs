//! Reading the facts out of a body, or saying which member is at fault (D-H1, D-H2, R-17).

use crate::{
    formats,
    plans::{Dialect, Unsupported},
    session::session,
    text::{Document, Kind, Node, ReadError},
};

/// The body is not a request of its dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// What is wrong, without the path
    pub message: String,
    /// The member at fault, as in `messages[3].content`; empty for the body as a whole
    pub path: String,
}

impl InvalidRequest {
    /// Names the member at fault.
    #[must_use]
    pub fn new(message: impl Into<String>, path: impl Into<String>) -> Self {
        Self { message: message.into(), path: path.into() }
    }
}

impl From<ReadError> for InvalidRequest {
    fn from(error: ReadError) -> Self {
        Self::new(error.to_string(), "")
    }
}

/// A request that cannot be read or translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The client's fault
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// Its dialect or pair is not known here
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl From<ReadError> for RequestError {
    fn from(error: ReadError) -> Self {
        Self::Invalid(error.into())
    }
}

/// State of a member that limits the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cap {
    /// There is no such member
    #[default]
    Absent,
    /// It is null
    Null,
    /// It has a value
    Set,
}

/// What the gateway must know of a body to decide; see `RequestFacts` of `engine/interfaces.py`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Facts {
    /// The model's name
    pub model: String,
    /// A stream is wanted
    pub stream: bool,
    /// There is a picture
    pub vision: bool,
    /// The last turn is not the user's
    pub agent: bool,
    /// Why
    pub initiator_reason: String,
    /// Number of messages
    pub messages: usize,
    /// Number of tools
    pub tools: usize,
    /// State of `max_tokens`
    pub output_cap: Cap,
    /// There is a `max_completion_tokens`
    pub has_max_completion_tokens: bool,
    /// Some tool's name begins with `mcp__`
    pub has_mcp_tool: bool,
    /// The client asks for reasoning
    pub reasoning: bool,
    /// What the client calls its conversation; empty when the body does not say
    pub session: String,
}

/// Reads the facts.
///
/// # Errors
///
/// [`RequestError`] naming the member.
pub fn inspect(body: &[u8], dialect: Dialect) -> Result<Facts, RequestError> {
    inspect_document(&Document::read(body)?, dialect)
}

/// Reads the facts out of a body that was read already.
///
/// # Errors
///
/// As [`inspect`].
pub fn inspect_document(document: &Document<'_>, dialect: Dialect) -> Result<Facts, RequestError> {
    let facts = formats::facts(dialect, document.root(), document.text().len())?;
    Ok(Facts { session: session(document.root(), dialect), ..facts })
}

/// The path of a member is made only when something is wrong with it.
pub(crate) type Path<'p> = &'p dyn Fn() -> String;

pub(crate) fn is_mcp_tool(tool: Node<'_, '_>) -> bool {
    tool.get("name").and_then(Node::text).is_some_and(|name| name.starts_with("mcp__"))
}

/// The member, unless it is absent or null.
pub(crate) fn given<'d, 'a>(object: Node<'d, 'a>, name: &str) -> Option<Node<'d, 'a>> {
    object.get(name).filter(|value| !value.is_null())
}

pub(crate) fn is_content(value: Node<'_, '_>) -> bool {
    matches!(value.kind(), Kind::String | Kind::List)
}

/// Whether Python takes a value for true: empty containers are not.
pub(crate) fn is_filled(value: Node<'_, '_>) -> bool {
    match value.kind() {
        Kind::List => value.items().next().is_some(),
        Kind::Object => value.written_members().next().is_some(),
        _ => value.is_truthy(),
    }
}

/// The messages from the last to the first.
pub(crate) fn backwards<'d, 'a>(messages: Node<'d, 'a>) -> impl Iterator<Item = Node<'d, 'a>> {
    let mut items: Vec<_> = messages.items().collect();
    std::iter::from_fn(move || items.pop())
}

pub(crate) fn has_picture(value: Node<'_, '_>, kind: &str) -> bool {
    match value.kind() {
        Kind::Object => {
            value.get("type").is_some_and(|value| value.is(kind))
                || value.get("content").is_some_and(|content| {
                    content.kind() == Kind::List && content.items().any(|item| has_picture(item, kind))
                })
        }
        Kind::List => value.items().any(|item| has_picture(item, kind)),
        _ => false,
    }
}
