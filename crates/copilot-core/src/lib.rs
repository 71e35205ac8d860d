//! The parts of copilot-api whose cost grows with bytes: no Python, no input or output.
//!
//! - [`tokenizer`] counts BPE tokens of text and of chat requests;
//! - [`json`] reads JSON as JavaScript does, and writes it so;
//! - [`streams`] translates streams;
//! - [`limiter`] spaces requests, [`concurrency`] counts those in flight;
//! - [`cache`] keeps answers, and lets equal requests wait for one;
//! - [`prefixes`] finds where consecutive requests stop being the same;
//! - [`token`] knows when a token is fresh and when it is renewed;
//! - [`sse`] reads and writes server-sent events;
//! - [`plans`] says how a request and its answer are to be written;
//! - [`validation`] reads the facts out of a request, or says what is wrong with it;
//! - [`translation`] rewrites requests between a dialect and a leg; its formats are in [`formats`];
//! - [`hook`] lets a test panic in any stage;
//! - [`text`] reads and writes JSON as it is spelled, for everything that is moved.

#![forbid(unsafe_code)]

mod base64_text;
pub mod cache;
pub mod canonical;
pub mod carriers;
pub mod concurrency;
pub mod context;
pub mod formats;
pub mod hook;
pub mod json;
pub mod limiter;
mod look;
mod orphans;
mod parts;
pub mod plans;
pub mod prefixes;
pub mod redaction;
mod session;
pub mod sse;
pub mod streams;
pub mod text;
pub mod token;
pub mod tokenizer;
pub mod tool_names;
pub mod translation;
pub mod validation;
