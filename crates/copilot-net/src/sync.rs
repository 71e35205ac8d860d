//! What threads of this crate share is built of these. The workspace in `models/` compiles the same sources
//! against loom's, which tries every schedule.

pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, Ordering},
};
pub(crate) use tokio::sync::{Notify, watch};
