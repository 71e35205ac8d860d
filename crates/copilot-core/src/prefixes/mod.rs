//! Where consecutive requests of a conversation stop being the same: what upstream's prompt caches go by.
//!
//! A request becomes a chain of hashes in the order in which models read it: tools, system, parameters that a
//! cache is parted by, messages. Tools and system blocks have a hash for each of their members, so that a path can
//! name one. Nothing else of a request is kept. `cache_control` is no part of what is hashed: it only moves.

mod chain;
mod hash;
mod maker;
mod turns;

pub use chain::Chain;
pub use maker::chain_of;
pub use turns::{Cause, Turn, Turns};
