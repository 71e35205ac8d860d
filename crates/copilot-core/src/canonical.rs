//! The small model between the formats. Every text is the canonical inside of a JSON string, borrowed from the
//! body where it can be; what a format only passes on stays a [`Node`] of the body.

use std::borrow::Cow;

use crate::text::Node;

/// The canonical inside of a JSON string.
pub type Inside<'a> = Cow<'a, str>;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator
    System,
    /// The user, and the tools
    User,
    /// The model
    Assistant,
}

/// A piece of a message.
#[derive(Debug, Clone)]
pub enum Block<'a> {
    /// Text, and reasoning that a client sends back
    Text(Inside<'a>),
    /// Reasoning, which is text everywhere but in a tool's result
    Reasoning(Inside<'a>),
    /// A picture by URL; inline ones are data URLs
    Image(Inside<'a>),
    /// A call that the assistant made; `arguments` is JSON text
    ToolCall {
        /// The call's id
        id: Inside<'a>,
        /// The tool's name
        name: Inside<'a>,
        /// The arguments
        arguments: Inside<'a>,
    },
    /// What a tool gave back
    ToolResult {
        /// The call's id
        call_id: Inside<'a>,
        /// Text and pictures in order
        content: Vec<Block<'a>>,
        /// The tool failed
        is_error: bool,
    },
}

/// One message.
#[derive(Debug, Clone)]
pub struct Turn<'a> {
    /// Who speaks
    pub role: Role,
    /// What is said
    pub blocks: Vec<Block<'a>>,
    /// The content was one string, or null when there are no blocks
    pub plain: bool,
}

/// A function offered to the model: the members that came, by their chat names.
pub type Tool<'d, 'a> = Vec<(&'static str, Node<'d, 'a>)>;

/// A choice of tools.
#[derive(Debug, Clone)]
pub enum ToolChoice<'a> {
    /// A word of chat: `auto`, `required`, `none`
    Word(&'static str),
    /// This tool
    Tool(Inside<'a>),
}

/// One request.
#[derive(Debug)]
pub struct Conversation<'d, 'a> {
    /// The model's name
    pub model: Inside<'a>,
    /// The messages
    pub turns: Vec<Turn<'a>>,
    /// Members by their chat names, in the order of compat.md 4.1
    pub options: Vec<(&'static str, Node<'d, 'a>)>,
    /// The tools
    pub tools: Option<Vec<Tool<'d, 'a>>>,
    /// Which tool is to be called
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether calls may be made side by side
    pub parallel_tools: Option<bool>,
}

/// A piece of an answer. Texts are canonical insides.
#[derive(Debug, Clone, Copy)]
pub enum AnswerEvent<'e> {
    /// The answer begins
    Start {
        /// Its id
        id: &'e str,
        /// The model's name
        model: &'e str,
        /// What is known of the usage
        usage: Option<crate::formats::chat::Usage>,
    },
    /// Some text
    Text(&'e str),
    /// Some of the model's reasoning
    Reasoning(&'e str),
    /// The opaque value that carries the reasoning to the next request
    Carrier(&'e str),
    /// A tool call begins; `key` names it in the events that follow
    ToolStart {
        /// Its number
        key: usize,
        /// Its id
        id: &'e str,
        /// The tool's name
        name: &'e str,
    },
    /// A piece of a call's arguments
    ToolArguments {
        /// The call's number
        key: usize,
        /// The piece
        text: &'e str,
    },
}
