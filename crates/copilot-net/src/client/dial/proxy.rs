//! The setting of one proxy.

use percent_encoding::percent_decode_str;

use super::DialError;
use crate::client::proxies::{Parts, without_credentials};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Https,
    /// Names are resolved by the proxy, for `socks5` as for `socks5h`.
    Socks,
}

/// A proxy, and how to speak to it.
pub(in crate::client) struct Proxy {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<(String, String)>,
    /// For messages.
    shown: String,
}

impl Proxy {
    pub(in crate::client) fn read(url: &str) -> Result<Self, DialError> {
        let parts = Parts::of(url);
        let (kind, port) = match parts.scheme.as_str() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5" | "socks5h" => (Kind::Socks, 1080),
            _ => return Err(unusable("it is none of http, https, socks5, socks5h")),
        };
        if parts.host.is_empty() {
            return Err(unusable("it has no host"));
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Self {
            kind,
            host: parts.host,
            port: parts.port.filter(|port| *port != 0).unwrap_or(port),
            user: parts.user.map(|(name, password)| (decoded(&name), decoded(&password))),
            shown: without_credentials(url),
        })
    }

    pub(super) fn failed(&self, error: &DialError) -> DialError {
        DialError(format!("proxy {}: {error}", self.shown))
    }
}

fn unusable(why: &str) -> DialError {
    DialError(format!("the proxy setting cannot be used: {why}"))
}
