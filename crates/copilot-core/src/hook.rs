//! A test's hand in every stage of the engine: one that is armed panics when it is entered next.
//!
//! Only code within the process can arm a stage; one that is not armed costs a relaxed load.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

static ARMED: AtomicU8 = AtomicU8::new(0);

/// Where a panic can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// A request is inspected
    Validation = 1,
    /// A request or an answer is translated
    Translation,
    /// Tokens are counted
    Tokenizer,
    /// A request asks the limiter, within its lock
    Limiter,
    /// A request asks for a place, within the lock of the places
    Concurrency,
    /// The age of the token is judged, within its lock
    Token,
    /// The cache is asked, within its lock
    Cache,
    /// The task of an upstream call
    Client,
    /// A piece of a stream is translated
    Relay,
    /// The server hands a request over
    Server,
    /// The server asks a stream for its next piece
    Body,
    /// A request is read that may be carried without Python
    Standing,
}

const STAGES: [(&str, Stage); 12] = [
    ("validation", Stage::Validation),
    ("translation", Stage::Translation),
    ("tokenizer", Stage::Tokenizer),
    ("limiter", Stage::Limiter),
    ("concurrency", Stage::Concurrency),
    ("token", Stage::Token),
    ("cache", Stage::Cache),
    ("client", Stage::Client),
    ("relay", Stage::Relay),
    ("server", Stage::Server),
    ("body", Stage::Body),
    ("standing", Stage::Standing),
];

/// Arms the stage of a name for one panic, in place of another that is armed; false when there is no such stage.
pub fn arm(name: &str) -> bool {
    let found = STAGES.iter().find(|(each, _)| *each == name);
    if let Some((_, stage)) = found {
        ARMED.store(*stage as u8, Relaxed);
    }
    found.is_some()
}

/// A stage begins.
#[inline]
pub fn enter(stage: Stage) {
    if ARMED.load(Relaxed) == stage as u8 {
        fire(stage);
    }
}

#[cold]
fn fire(stage: Stage) {
    assert!(ARMED.compare_exchange(stage as u8, 0, Relaxed, Relaxed).is_err(), "armed by a test");
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::{STAGES, Stage, arm, enter};

    #[test]
    fn r55_an_armed_stage_panics_once_and_no_other_does() {
        assert!(!arm("nowhere"));
        for (name, stage) in STAGES {
            assert!(arm(name));
            let other = if stage == Stage::Body { Stage::Server } else { Stage::Body };
            assert!(catch_unwind(|| enter(other)).is_ok());
            assert!(catch_unwind(|| enter(stage)).is_err());
            assert!(catch_unwind(|| enter(stage)).is_ok());
        }
    }
}
