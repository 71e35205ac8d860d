//! What a server may hold and how long it waits.

use std::{sync::Arc, time::Duration};

use super::guard::Guard;

/// Fields of one header section, and of one trailer section.
pub(super) const FIELDS: usize = 100;

/// Bytes of a request target.
pub(super) const TARGET: usize = 8 * 1024;

/// Limits of a server. The defaults are those of reliability.md 2.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Connections that are served. Some more are answered 503; beyond these, accepting pauses.
    pub max_connections: usize,
    /// For a TLS handshake, and for a header section from its first byte on.
    pub header_timeout: Duration,
    /// Bytes of a header section. 100 fields and 8 KiB of target are fixed.
    pub header_limit: usize,
    /// Bytes of a body.
    pub body_limit: usize,
    /// In each span of this length at least 1 KiB of body a second must come.
    pub body_stall: Duration,
    /// How long a connection without a request is kept.
    pub keep_alive: Duration,
    /// How long a client may take nothing of what waits for it.
    pub write_stall: Duration,
    /// Certificate and key. Without ALPN protocols of its own it offers `h2` and `http/1.1`.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Serve HTTP/2 without TLS to clients that begin with its preface.
    pub h2c: bool,
    /// Whom to let in; without it that is the service's to decide.
    pub guard: Option<Arc<Guard>>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            header_timeout: Duration::from_secs(10),
            header_limit: 64 * 1024,
            body_limit: 32 * 1024 * 1024,
            body_stall: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_secs(60),
            tls: None,
            h2c: false,
            guard: None,
        }
    }
}
