//! In place of `copilot_core::streams`.

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The gateway stops.
    Shutdown,
    /// The client wishes no more.
    Cancelled,
}
