//! In place of `copilot_net::client`.

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallError;
