//! What Python decided for a kind of request.

use std::{any::Any, sync::Arc, time::Duration};

use copilot_core::plans::{AnswerPlan, Framing, Leg, RequestPlan, StreamPlan};
use http::Uri;

use crate::{
    client::{Headers, Timeouts},
    relay::Limits,
};

/// How streams of a kind are relayed.
#[derive(Debug, Clone, Copy)]
pub struct Streaming {
    /// How long silence may last
    pub limits: Limits,
    /// How long the first bytes are waited for before the first frame is
    pub patience: Duration,
    /// Bytes of one frame
    pub frame_limit: usize,
}

/// See the module. It holds nothing of a single request.
pub struct Decision {
    /// Where the call goes.
    pub uri: Uri,
    /// What all calls of this kind have in common: token, who asks.
    pub common: Arc<Headers>,
    /// What follows the request's id.
    pub own: Vec<(String, String)>,
    /// How the body is written.
    pub request: Arc<RequestPlan>,
    /// Upstream's reasoning is sent on.
    pub reasoning: bool,
    /// The model that upstream sees.
    pub model: String,
    /// How a stream is relayed; none where one answer is asked for.
    pub streaming: Option<Streaming>,
    /// How long parts of the call may take.
    pub timeouts: Timeouts,
    /// What is changed of all of them.
    pub rewrites: Vec<String>,
    /// The same for a header.
    pub noted: Arc<str>,
    /// What loses something is refused.
    pub strict: bool,
    /// The body is kept for a moment, for the log line that counts it.
    pub counted: bool,
    /// Python's monotonic seconds at which it ends by itself.
    pub until: f64,
    /// What Python knows it by.
    pub tag: Box<dyn Any + Send + Sync>,
}

/// Bytes a token, about (`gateway/counting.py`).
const BYTES_PER_TOKEN: usize = 4;

impl Decision {
    pub(super) fn stream(&self, frame_limit: usize, size: usize, context: &str, now: i64) -> StreamPlan {
        let RequestPlan { dialect, leg, target, .. } = &*self.request;
        let estimate = if *leg == Leg::Messages { 0 } else { size / BYTES_PER_TOKEN };
        StreamPlan {
            dialect: *dialect,
            leg: *leg,
            input_tokens: i64::try_from(estimate).unwrap_or_default(),
            reasoning: self.reasoning,
            frame_limit,
            model: target.clone(),
            context: context.into(),
            framing: Framing::Sse,
            now,
        }
    }

    pub(super) fn answer<'p>(&'p self, context: &'p [u8], now: i64) -> AnswerPlan<'p> {
        let RequestPlan { dialect, leg, .. } = *self.request;
        let is_own = dialect.own_leg() == Some(leg);
        AnswerPlan {
            dialect,
            leg,
            reasoning: self.reasoning,
            model: &self.model,
            context: if is_own { b"" } else { context },
            now: if is_own { 0 } else { now },
        }
    }
}
