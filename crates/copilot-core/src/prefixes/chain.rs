//! The chain of hashes of a request, and the names of its places.

use crate::plans::Dialect;

/// Hashes that are kept of one request; what comes behind them counts into the last.
pub(super) const LONGEST: usize = 4096;

/// Members of tools, system blocks and parameters that a path can name; the first stands for all others.
pub(super) const MEMBERS: [&str; 20] = [
    "",
    "name",
    "description",
    "input_schema",
    "text",
    "type",
    "parameters",
    "strict",
    "function.name",
    "function.description",
    "function.parameters",
    "function.strict",
    "effort",
    "summary",
    "budget_tokens",
    "display",
    "format",
    "verbosity",
    "mode",
    "function",
];
/// The place of the first member of a chat tool's `function`.
pub(super) const IN_FUNCTION: usize = 8;

/// Members of a request that part caches. Those of Google's are in its configurations.
pub(super) const PARAMETERS: [&str; 14] = [
    "tool_choice",
    "thinking",
    "output_config",
    "reasoning_effort",
    "reasoning",
    "text",
    "verbosity",
    "response_format",
    "parallel_tool_calls",
    "prompt_cache_key",
    "think",
    "format",
    "toolConfig",
    "generationConfig.thinkingConfig",
];

/// What kind of place a hash is of, in the order in which models read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Form {
    /// A member of a tool
    Tool,
    /// A function of one of Google's tools: the index is that of the tool and, below, its own
    Declaration,
    /// The system prompt as one text
    System,
    /// A member of a system block
    Block,
    /// A system message before all others
    Said,
    /// A member of the request
    Parameter,
    /// A message
    Message,
}

/// The billing line of Claude Code
pub(super) const BILLING: u8 = 1;
/// It was the model's turn
pub(super) const OF_MODEL: u8 = 2;

/// One hash and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) hash: u64,
    pub(super) index: u32,
    pub(super) form: Form,
    /// A place in [`MEMBERS`], or 0
    pub(super) member: u8,
    /// What is known of it; no part of what is compared
    pub(super) flags: u8,
}

impl Piece {
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.hash, self.index, self.form, self.member) == (other.hash, other.index, other.form, other.member)
    }

    /// What it belongs to, in order.
    pub(super) fn place(&self) -> (Form, u32) {
        (self.form, self.index)
    }
}

/// The chain of one request.
#[derive(Debug, Clone)]
pub struct Chain {
    pub(super) dialect: Dialect,
    pub(super) pieces: Box<[Piece]>,
    /// It asks upstream to cache something
    pub(super) marked: bool,
    /// For an hour
    pub(super) hour: bool,
}

impl Chain {
    /// The messages, which are its end.
    pub(super) fn messages(&self) -> &[Piece] {
        let first = self.pieces.partition_point(|piece| piece.form < Form::Message);
        self.pieces.get(first..).unwrap_or_default()
    }

    /// What a model reads before them.
    pub(super) fn preface(&self) -> &[Piece] {
        let first = self.pieces.partition_point(|piece| piece.form < Form::Message);
        self.pieces.get(..first).unwrap_or_default()
    }

    /// The path of a piece in a request of its dialect.
    pub(super) fn path(&self, piece: &Piece) -> String {
        let index = piece.index as usize;
        let list = match self.dialect {
            Dialect::Responses => "input",
            Dialect::Gemini => "contents",
            _ => "messages",
        };
        let system = match self.dialect {
            Dialect::Responses => "instructions",
            Dialect::Gemini => "systemInstruction",
            _ => "system",
        };
        let path = match piece.form {
            Form::Tool => format!("tools[{index}]"),
            Form::Declaration => format!("tools[{}].functionDeclarations[{}]", index >> 16, index & 0xffff),
            Form::System => system.to_owned(),
            Form::Block => format!("{system}[{index}]"),
            Form::Parameter => PARAMETERS.get(index).copied().unwrap_or_default().to_owned(),
            Form::Said | Form::Message => format!("{list}[{index}]"),
        };
        match MEMBERS.get(usize::from(piece.member)).copied().unwrap_or_default() {
            "" => path,
            member => format!("{path}.{member}"),
        }
    }
}

/// Whether a place in [`MEMBERS`] is that of a tool's name.
pub(super) fn is_name(member: u8) -> bool {
    matches!(MEMBERS.get(usize::from(member)), Some(&("name" | "function.name")))
}
