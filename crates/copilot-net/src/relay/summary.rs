//! What is left of a relay.

use std::time::Duration;

use copilot_core::streams::{StreamEnd, StreamFacts};

use super::Tee;

/// How a relay ended; see `Outcome` of `engine/client_interfaces.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is whole
    Completed,
    /// The client went away, or the relay was thrown away
    ClientGone,
    /// Upstream failed, or reported an error
    UpstreamFailed,
    /// Upstream was silent for too long
    Deadline,
    /// The request was cancelled
    Cancelled,
    /// The gateway stops
    Shutdown,
}

impl Outcome {
    /// The word that Python knows it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::ClientGone => "client_gone",
            Self::UpstreamFailed => "upstream_failed",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The end of one relay.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// How upstream's body ended; none when its content ended the stream, or the client did.
    pub end: Option<StreamEnd>,
    /// What was in the answer.
    pub facts: StreamFacts,
    /// Bytes of upstream.
    pub bytes_in: u64,
    /// Bytes for the client.
    pub bytes_out: u64,
    /// From the relay's beginning to upstream's first bytes.
    pub first_byte: Option<Duration>,
    /// From the relay's beginning to its end.
    pub duration: Duration,
    /// Time in the translator, and the number of chunks it took.
    pub translating: (Duration, u64),
    /// The translator panicked: the component must not be used any more.
    pub panicked: bool,
    /// What passed, where it was to be kept.
    pub tee: Option<Box<Tee>>,
}
