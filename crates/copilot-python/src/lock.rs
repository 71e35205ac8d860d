//! When to let other Python threads run.

use pyo3::{marker::Ungil, prelude::*};

/// Bytes of a body whose work is worth giving the interpreter lock back: what takes less than some 20 us is
/// over before another thread has the lock.
const WORTH_IT: usize = 32 * 1024;

/// Works on a body of `size` bytes, without the interpreter lock when it is large.
pub(crate) fn unlocked<T: Ungil>(py: Python<'_>, size: usize, work: impl FnOnce() -> T + Ungil) -> T {
    if size < WORTH_IT { work() } else { py.detach(work) }
}
