//! What is left of a request that was carried: for the log, the counters and the ledger.

use std::{sync::Arc, time::Duration};

use copilot_core::{canonical::Usage, text::Body};
use http::HeaderValue;

use super::Decision;
use crate::relay::Summary;

/// How long parts of the engine took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Rewriting the request
    pub request: Duration,
    /// Rewriting the answer, once it came
    pub answer: Option<Duration>,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Event {
    /// It was answered whole
    Whole,
    /// Its stream began
    Begun,
    /// Its stream is over
    Ended(Arc<Summary>),
    /// The client left before its answer began
    Gone,
}

/// See the module.
#[derive(Clone)]
pub struct Record {
    /// What became of it.
    pub event: Event,
    /// By what it was carried.
    pub decision: Arc<Decision>,
    /// Its id, upstream's and the client's.
    pub id: String,
    /// The id that upstream gave; empty for none.
    pub upstream_id: String,
    /// When it came, in Unix seconds.
    pub at: f64,
    /// From its coming to the head of the answer.
    pub first: Option<Duration>,
    /// From its coming to the end.
    pub duration: Duration,
    /// Bytes of the request.
    pub bytes_in: usize,
    /// Bytes of the answer.
    pub bytes_out: usize,
    /// What upstream counted.
    pub usage: Option<Usage>,
    /// The program that asked, as it calls itself.
    pub agent: Option<HeaderValue>,
    /// How long upstream took to begin, and to end where it is read whole.
    pub elsewhere: Duration,
    /// Why the initiator is who it is.
    pub reason: String,
    /// What was changed of this one, beyond what the decision says.
    pub rewrites: Vec<String>,
    /// All changes, as the client was told.
    pub noted: Arc<str>,
    /// What was sent, where somebody may want to count it.
    pub body: Option<Arc<Body>>,
    /// For the engine's counters.
    pub spent: Spent,
}
