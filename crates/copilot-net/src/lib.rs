//! The parts of copilot-api that own sockets: no Python.
//!
//! - [`client`] sends calls to GitHub and Copilot.

#![forbid(unsafe_code)]

pub mod client;
