//! The parts of copilot-api that own sockets: no Python.
//!
//! - [`client`] sends calls to GitHub and Copilot.
//! - [`server`] listens and hosts a service.

#![forbid(unsafe_code)]

pub mod client;
pub mod server;
