//! What is decided of a request before a byte of it is translated; see `engine/interfaces.py`.

/// The wire format a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` chat completions
    Chat,
    /// Anthropic messages
    Messages,
    /// `OpenAI` responses
    Responses,
    /// Google's `generateContent`
    Gemini,
    /// Ollama's `/api/chat` and `/api/generate`
    Ollama,
    /// `OpenAI`'s old text completions
    Completions,
    /// `OpenAI` embeddings
    Embeddings,
}

impl Dialect {
    /// The dialect of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "chat" => Self::Chat,
            "messages" => Self::Messages,
            "responses" => Self::Responses,
            "gemini" => Self::Gemini,
            "ollama" => Self::Ollama,
            "completions" => Self::Completions,
            "embeddings" => Self::Embeddings,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
        }
    }

    /// The leg of the same format.
    #[must_use]
    pub const fn own_leg(self) -> Option<Leg> {
        match self {
            Self::Chat => Some(Leg::Chat),
            Self::Messages => Some(Leg::Messages),
            Self::Responses => Some(Leg::Responses),
            Self::Embeddings => Some(Leg::Embeddings),
            Self::Gemini | Self::Ollama | Self::Completions => None,
        }
    }
}

/// One of Copilot's upstream endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// Chat completions
    Chat,
    /// Responses
    Responses,
    /// Anthropic messages
    Messages,
    /// Embeddings
    Embeddings,
}

impl Leg {
    /// The leg of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "chat" => Self::Chat,
            "responses" => Self::Responses,
            "messages" => Self::Messages,
            "embeddings" => Self::Embeddings,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Embeddings => "embeddings",
        }
    }
}

/// The reference translates this, and we do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this dialect, or this dialect over this leg, is not translated natively")]
pub struct Unsupported;

/// What the model list says of a model; `None` where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct ModelTraits {
    /// Most tokens of an answer
    pub max_output_tokens: Option<i64>,
    /// Most tokens of a request
    pub max_prompt_tokens: Option<i64>,
    /// The efforts it takes
    pub reasoning_effort: Option<Vec<String>>,
    /// It can think as much as it likes
    pub adaptive_thinking: bool,
    /// Smallest budget for thinking
    pub min_thinking_budget: Option<i64>,
    /// Largest budget for thinking
    pub max_thinking_budget: Option<i64>,
    /// It takes pictures
    pub vision: bool,
    /// It takes schemas
    pub structured_outputs: bool,
    /// It calls tools
    pub tool_calls: bool,
    /// It calls several at once
    pub parallel_tool_calls: bool,
}

/// How one request body is to be written. Texts are plain, no insides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPlan {
    /// What the client speaks
    pub dialect: Dialect,
    /// Where it goes
    pub leg: Leg,
    /// The model name to write
    pub model: Option<String>,
    /// Value of the cap where the client gave none or null
    pub output_cap: Option<i64>,
    /// The name upstream wants for the cap
    pub cap_field: String,
    /// The model name that upstream will see
    pub target: String,
    /// Value of `stream` to write
    pub stream: Option<bool>,
    /// What is known of the model
    pub traits: Option<ModelTraits>,
    /// Members that the model refuses, dotted
    pub dropped: Vec<String>,
    /// Send no reasoning back
    pub without_reasoning: bool,
    /// Values of `anthropic-beta`
    pub betas: Vec<String>,
    /// Mark where a prompt cache may begin
    pub cache_breakpoints: bool,
}

impl RequestPlan {
    /// A plan that asks for nothing.
    #[must_use]
    pub fn new(dialect: Dialect, leg: Leg) -> Self {
        Self {
            dialect,
            leg,
            model: None,
            output_cap: None,
            cap_field: "max_tokens".to_owned(),
            target: String::new(),
            stream: None,
            traits: None,
            dropped: Vec::new(),
            without_reasoning: false,
            betas: Vec::new(),
            cache_breakpoints: false,
        }
    }
}

/// How a whole answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerPlan<'p> {
    /// What the client speaks
    pub dialect: Dialect,
    /// Where the answer comes from
    pub leg: Leg,
    /// Send upstream's reasoning
    pub reasoning: bool,
    /// The model name that upstream saw
    pub model: &'p str,
    /// See [`crate::translation::TranslatedRequest`]
    pub context: &'p [u8],
    /// Unix seconds, for answers that do not say when they were made; 0 is unknown
    pub now: i64,
}

impl AnswerPlan<'_> {
    /// A plan that asks for nothing.
    #[must_use]
    pub const fn new(dialect: Dialect, leg: Leg) -> Self {
        Self { dialect, leg, reasoning: false, model: "", context: b"", now: 0 }
    }
}

/// How a stream's pieces are put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Server-sent events
    #[default]
    Sse,
    /// One JSON array (Gemini without `alt=sse`)
    Array,
    /// A line each (Ollama)
    Lines,
}

impl Framing {
    /// The framing of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sse" => Self::Sse,
            "array" => Self::Array,
            "lines" => Self::Lines,
            _ => return None,
        })
    }
}

/// How a streamed answer is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPlan {
    /// What the client speaks
    pub dialect: Dialect,
    /// Where the answer comes from
    pub leg: Leg,
    /// Estimate for `message_start`
    pub input_tokens: i64,
    /// Send upstream's reasoning
    pub reasoning: bool,
    /// Bytes of one frame
    pub frame_limit: usize,
    /// The model name that upstream saw
    pub model: String,
    /// See [`crate::translation::TranslatedRequest`]
    pub context: Vec<u8>,
    /// How pieces are put on the wire
    pub framing: Framing,
    /// Unix seconds, for answers that do not say when they were made; 0 is unknown
    pub now: i64,
}

impl StreamPlan {
    /// A plan that asks for nothing.
    #[must_use]
    pub const fn new(dialect: Dialect, leg: Leg) -> Self {
        Self {
            dialect,
            leg,
            input_tokens: 0,
            reasoning: false,
            frame_limit: 16 * 1024 * 1024,
            model: String::new(),
            context: Vec::new(),
            framing: Framing::Sse,
            now: 0,
        }
    }
}
