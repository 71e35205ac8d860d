//! The readers of hostile bytes, opened to the fuzz targets: what they read of bytes that come in given pieces.

pub use crate::{
    client::fuzzing::{Answered, decode, read_answer, read_proxy},
    server::fuzzing::{Seen, Served, serve},
};
