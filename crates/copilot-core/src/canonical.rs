//! The small model between the formats: a conversation going in, events or a whole answer coming out.
//!
//! Every text is the canonical inside of a JSON string, borrowed from the body where it can be. What a format
//! only passes on is a [`Value`]: a [`Node`] of the body, or a [`Tree`] that was made.

use std::borrow::Cow;

use crate::{
    look::Look,
    text::{Node, Tree},
    validation,
};

/// The canonical inside of a JSON string.
pub type Inside<'a> = Cow<'a, str>;

/// A raw JSON value: of the body, or made.
#[derive(Debug, Clone)]
pub enum Value<'d, 'a> {
    /// It stands in the body
    Node(Node<'d, 'a>),
    /// It was made, or changed
    Tree(Tree<'a>),
}

impl<'d, 'a> From<Node<'d, 'a>> for Value<'d, 'a> {
    fn from(node: Node<'d, 'a>) -> Self {
        Self::Node(node)
    }
}

impl<'a> From<Tree<'a>> for Value<'_, 'a> {
    fn from(tree: Tree<'a>) -> Self {
        Self::Tree(tree)
    }
}

impl<'d, 'a> Value<'d, 'a> {
    /// Appends the value in canonical form.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Node(node) => node.write(out),
            Self::Tree(tree) => tree.write(out),
        }
    }

    /// The value as a tree, to change it or to look into it.
    #[must_use]
    pub fn tree(&self) -> Tree<'a> {
        match self {
            Self::Node(node) => Tree::from(*node),
            Self::Tree(tree) => tree.clone(),
        }
    }

    /// What Python thinks of the value; empty lists and objects are false.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        match self {
            Self::Node(node) => validation::is_filled(*node),
            Self::Tree(tree) => tree.is_filled(),
        }
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match self {
            Self::Node(node) => node.is_null(),
            Self::Tree(tree) => *tree == Tree::Null,
        }
    }

    /// The value to look into without copying it.
    pub(crate) const fn look(&self) -> View<'_, 'd, 'a> {
        match self {
            Self::Node(node) => View::Node(*node),
            Self::Tree(tree) => View::Tree(tree),
        }
    }
}

/// A look into a [`Value`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'v, 'd, 'a> {
    Node(Node<'d, 'a>),
    Tree(&'v Tree<'a>),
}

impl<'v, 'a: 'v> Look<'v> for View<'v, '_, 'a> {
    fn member(self, name: &str) -> Option<Self> {
        match self {
            Self::Node(node) => node.get(name).map(Self::Node),
            Self::Tree(tree) => tree.get(name).map(Self::Tree),
        }
    }
    fn each(self) -> impl Iterator<Item = Self> {
        let (node, tree) = match self {
            Self::Node(node) => (Some(node), None),
            Self::Tree(tree) => (None, Some(tree)),
        };
        let nodes = node.into_iter().flat_map(Node::items).map(Self::Node);
        nodes.chain(tree.into_iter().flat_map(Tree::items).map(Self::Tree))
    }
    fn values(self) -> impl Iterator<Item = Self> {
        let (node, tree) = match self {
            Self::Node(node) => (Some(node), None),
            Self::Tree(tree) => (None, Some(tree)),
        };
        let nodes = node.into_iter().flat_map(Look::values).map(Self::Node);
        nodes.chain(tree.into_iter().flat_map(Look::values).map(Self::Tree))
    }
    fn is_nothing(self) -> bool {
        match self {
            Self::Node(node) => node.is_null(),
            Self::Tree(tree) => tree.is_nothing(),
        }
    }
    fn is_list(self) -> bool {
        match self {
            Self::Node(node) => node.is_list(),
            Self::Tree(tree) => tree.is_list(),
        }
    }
    fn is_map(self) -> bool {
        match self {
            Self::Node(node) => node.is_map(),
            Self::Tree(tree) => tree.is_map(),
        }
    }
    fn inside(self) -> Option<Cow<'v, str>> {
        match self {
            Self::Node(node) => node.string(),
            Self::Tree(tree) => Look::inside(tree),
        }
    }
    fn digits(self) -> Option<&'v str> {
        match self {
            Self::Node(node) => node.digits(),
            Self::Tree(tree) => tree.digits(),
        }
    }
}

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

/// A piece of the model's reasoning that a client sends back.
#[derive(Debug, Clone, Default)]
pub struct Reasoning<'a> {
    /// What it says
    pub text: Inside<'a>,
    /// The opaque value as the client sent it, tagged or not ([`crate::carriers`])
    pub carrier: Inside<'a>,
    /// There is no text, and there never was one
    pub redacted: bool,
}

/// A picture by URL; inline ones are data URLs.
#[derive(Debug, Clone, Default)]
pub struct Image<'a> {
    /// Where it is
    pub url: Inside<'a>,
    /// `OpenAI`'s word for its resolution
    pub detail: Inside<'a>,
}

/// A document that is no text.
#[derive(Debug, Clone, Default)]
pub struct File<'a> {
    /// Base64
    pub data: Inside<'a>,
    /// As a rule `application/pdf`
    pub media_type: Inside<'a>,
    /// What it is called
    pub name: Inside<'a>,
}

/// A call that the assistant made.
#[derive(Debug, Clone, Default)]
pub struct ToolCall<'a> {
    /// The call's id
    pub id: Inside<'a>,
    /// The tool's name
    pub name: Inside<'a>,
    /// JSON text, or the raw text of a freeform tool
    pub arguments: Inside<'a>,
    /// Of a freeform tool
    pub custom: bool,
    /// Codex's
    pub namespace: Inside<'a>,
}

/// What a tool gave back.
#[derive(Debug, Clone, Default)]
pub struct ToolResult<'a> {
    /// The call's id; may be empty where the dialect has no ids
    pub call_id: Inside<'a>,
    /// Text, pictures and files in order
    pub content: Vec<Block<'a>>,
    /// The tool failed
    pub is_error: bool,
    /// Of a freeform tool
    pub custom: bool,
    /// The tool's name, where the dialect has no ids
    pub name: Inside<'a>,
}

/// A piece of a message.
#[derive(Debug, Clone)]
pub enum Block<'a> {
    /// Text
    Text(Inside<'a>),
    /// Reasoning
    Reasoning(Reasoning<'a>),
    /// A picture
    Image(Image<'a>),
    /// A document
    File(File<'a>),
    /// A call
    ToolCall(ToolCall<'a>),
    /// What a tool gave back
    ToolResult(ToolResult<'a>),
}

/// One message.
#[derive(Debug, Clone)]
pub struct Turn<'d, 'a> {
    /// Who speaks
    pub role: Role,
    /// What is said
    pub blocks: Vec<Block<'a>>,
    /// The content was one string, or null when there are no blocks
    pub plain: bool,
    /// A `cache_control` value at the end of the message
    pub cache: Option<Value<'d, 'a>>,
}

impl<'a> Turn<'_, 'a> {
    /// A message that marks nothing.
    #[must_use]
    pub const fn new(role: Role, blocks: Vec<Block<'a>>, plain: bool) -> Self {
        Self { role, blocks, plain, cache: None }
    }
}

/// Raw members by name, each once, in order.
#[derive(Debug, Clone, Default)]
pub struct Members<'d, 'a>(pub Vec<(Inside<'a>, Value<'d, 'a>)>);

impl<'d, 'a> Members<'d, 'a> {
    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'d, 'a>> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Sets a member, in place or at the end.
    pub fn set(&mut self, name: impl Into<Inside<'a>>, value: impl Into<Value<'d, 'a>>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some(member) => member.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Value<'d, 'a>> {
        let place = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(place).1)
    }

    /// Appends the members as an object.
    pub fn write(&self, out: &mut String) {
        out.push('{');
        for (place, (name, value)) in self.0.iter().enumerate() {
            for part in [if place > 0 { ",\"" } else { "\"" }, name, "\":"] {
                out.push_str(part);
            }
            value.write(out);
        }
        out.push('}');
    }
}

/// A function offered to the model.
#[derive(Debug, Clone, Default)]
pub struct Tool<'d, 'a> {
    /// The members that came, by their chat names
    pub members: Members<'d, 'a>,
    /// A freeform tool
    pub custom: bool,
    /// Codex's
    pub namespace: Inside<'a>,
    /// A `cache_control` value
    pub cache: Option<Value<'d, 'a>>,
}

impl Tool<'_, '_> {
    /// Its name; empty when that is no string.
    #[must_use]
    pub fn name(&self) -> Inside<'_> {
        self.members.get("name").and_then(|name| name.look().inside()).unwrap_or_default()
    }
}

/// How much the client wants the model to reason; at most one of the three is asked for.
#[derive(Debug, Clone, Default)]
pub struct Thinking<'d, 'a> {
    /// A word of `reasoning_effort`; `none` switches it off
    pub effort: Inside<'a>,
    /// A number of tokens
    pub budget: Option<i64>,
    /// Leaves it to the model
    pub adaptive: bool,
    /// What `reasoning.summary` asked for
    pub summary: Option<Value<'d, 'a>>,
}

/// One request.
#[derive(Debug, Default)]
pub struct Conversation<'d, 'a> {
    /// The model's name
    pub model: Inside<'a>,
    /// The messages
    pub turns: Vec<Turn<'d, 'a>>,
    /// Members by their chat names, in the order of compat.md 4.1
    pub options: Members<'d, 'a>,
    /// The tools
    pub tools: Option<Vec<Tool<'d, 'a>>>,
    /// A chat `tool_choice` value
    pub tool_choice: Option<Value<'d, 'a>>,
    /// Whether calls may be made side by side
    pub parallel_tools: Option<bool>,
    /// How much is to be thought
    pub thinking: Option<Thinking<'d, 'a>>,
}

/// A `tool_choice` that demands one function.
pub(crate) fn choice_of(name: Inside<'_>) -> Tree<'_> {
    let function = Tree::object([("name", Tree::Text(name))]);
    Tree::object([("type", Tree::word("function")), ("function", function)])
}

/// What the answer's writers must know of the request; kept as bytes between the two ([`crate::context`]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerContext {
    /// Tool names as they were sent upstream, and the client's own
    pub names: Vec<(String, String)>,
    /// Freeform tools, by the client's names
    pub custom: Vec<String>,
    /// The namespace of a tool, by the client's name of it
    pub namespaces: Vec<(String, String)>,
    /// Members of the request that the dialect's answers repeat, or need
    pub echo: Vec<(String, Tree<'static>)>,
}

/// A request as a dialect reads it, with the changes that were made.
#[derive(Debug, Default)]
pub struct Decoded<'d, 'a> {
    /// The request
    pub conversation: Conversation<'d, 'a>,
    /// Each a short sentence
    pub rewrites: Vec<String>,
    /// What the answer must know
    pub context: AnswerContext,
}

/// Token usage of one answer; see `Usage` of `engine/interfaces.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the request, cached ones included
    pub input: i64,
    /// Tokens of the answer
    pub output: i64,
    /// Tokens read from the cache
    pub cached: Option<i64>,
    /// Tokens written to the cache
    pub cache_write: Option<i64>,
    /// Tokens of reasoning
    pub reasoning: Option<i64>,
    /// The billed amount
    pub nano_aiu: Option<i64>,
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
        usage: Option<Usage>,
        /// Unix seconds, when upstream said so
        created: Option<i64>,
    },
    /// Some text
    Text(&'e str),
    /// Some of the model's reasoning
    Reasoning(&'e str),
    /// The opaque value that carries the reasoning to the next request
    Carrier {
        /// The value
        value: &'e str,
        /// There is no text to it
        redacted: bool,
    },
    /// A tool call begins; `key` names it in the events that follow
    ToolStart {
        /// Its number
        key: usize,
        /// Its id
        id: &'e str,
        /// The tool's name
        name: &'e str,
        /// Of a freeform tool
        custom: bool,
        /// Codex's
        namespace: &'e str,
    },
    /// A piece of a call's arguments
    ToolArguments {
        /// The call's number
        key: usize,
        /// The piece
        text: &'e str,
    },
    /// Token usage so far; the last one counts
    Usage(Usage),
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finish<'a> {
    /// A chat `finish_reason`
    pub reason: Inside<'a>,
    /// The one that was met, if known
    pub stop_sequence: Inside<'a>,
}

/// A whole answer.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// Its id
    pub id: Inside<'a>,
    /// The model's name
    pub model: Inside<'a>,
    /// Text, reasoning and calls in order
    pub blocks: Vec<Block<'a>>,
    /// Why the model stopped
    pub finish: Option<Finish<'a>>,
    /// Token usage
    pub usage: Option<Usage>,
    /// Unix seconds
    pub created: Option<i64>,
}
