//! Who may ask: judged by the head of a request and the owner of its connection, before the service hears of it
//!
//!
//! The rules are those of `copilot_api.http.guard`, which is their reference and judges under other servers. A
//! web page that was brought to a loopback address by DNS still names its own host; a page of another origin says
//! so in `Origin` or in `Sec-Fetch-Site`.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use http::{
    HeaderMap, HeaderName,
    header::{HOST, ORIGIN},
};
use memchr::{memchr, memrchr};

use super::refusal::Refusal;

/// Names of this machine, as a Host header has them.
const LOOPBACK: [&[u8]; 3] = [b"localhost", b"127.0.0.1", b"[::1]"];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whom a server lets in.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Names of this server besides those of loopback, in lower case; one with a port stands for that port only.
    pub public_hosts: Vec<String>,
    /// Origins of pages that may call, as browsers write them.
    pub origins: Vec<String>,
    /// One more origin, and the one path that it may ask for.
    pub viewer: Option<(String, String)>,
    /// The server can be reached from elsewhere: by any address, and by ports that a front has.
    pub beyond_loopback: bool,
    /// Connections of other users of this machine are refused, and those from elsewhere. Unix sockets have the
    /// mode of their file for this.
    pub same_user: bool,
}

impl Guard {
    /// Judges a request for `path`, decoded, that came in by the port `own`.
    pub(super) fn check(&self, path: &str, headers: &HeaderMap, own: Option<u16>) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) if !host.is_empty() => {
                if !self.is_own_host(host.as_bytes(), own) {
                    return Err(Refusal::ForeignHost);
                }
            }
            _ => return Err(Refusal::NoHost),
        }
        match headers.get(ORIGIN) {
            Some(origin) if self.is_allowed_origin(origin.as_bytes(), path, own) => Ok(()),
            Some(_) => Err(Refusal::ForeignOrigin),
            None => match headers.get(SEC_FETCH_SITE).map(http::HeaderValue::as_bytes) {
                Some(b"cross-site" | b"same-site") => Err(Refusal::OtherPage),
                _ => Ok(()),
            },
        }
    }

    fn is_own_host(&self, host: &[u8], own: Option<u16>) -> bool {
        let (name, port) = split_port(host);
        let is_loopback = LOOPBACK.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_local = if self.beyond_loopback {
            is_loopback || is_address(name)
        } else {
            is_loopback && port.zip(own).is_none_or(|(port, own)| port == own.to_string().as_bytes())
        };
        is_local
            || self.public_hosts.iter().any(|known| {
                let known = known.as_bytes();
                known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host)
            })
    }

    fn is_allowed_origin(&self, origin: &[u8], path: &str, own: Option<u16>) -> bool {
        self.origins.iter().any(|allowed| allowed.as_bytes() == origin)
            || self.is_own_origin(origin, own)
            || self.viewer.as_ref().is_some_and(|(viewer, at)| viewer.as_bytes() == origin && *at == path)
    }

    /// Whether a page has the origin of what this server itself serves.
    fn is_own_origin(&self, origin: &[u8], own: Option<u16>) -> bool {
        let is_public = |name| self.public_hosts.iter().any(|known| known.as_bytes() == name);
        if let Some(name) = origin.strip_prefix(b"https://") {
            return is_public(name);
        }
        let (Some(address), Some(own)) = (origin.strip_prefix(b"http://"), own) else { return false };
        let name = address.strip_suffix(format!(":{own}").as_bytes());
        name.is_some_and(|name| LOOPBACK.contains(&name) || is_public(name))
    }
}

/// Splits a port off. The colons of an IPv6 address without brackets are none of a port.
fn split_port(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some((name, port)) = memrchr(b':', host).and_then(|colon| host.split_at_checked(colon)) else {
        return (host, None);
    };
    let port = port.get(1..).unwrap_or_default();
    let is_port = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
    let is_alone = memchr(b':', name).is_none() || name.ends_with(b"]");
    if is_port && is_alone { (name, Some(port)) } else { (host, None) }
}

/// Whether a name is an IP address as URLs have it: no name server decides where it leads.
fn is_address(name: &[u8]) -> bool {
    let inner = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]"));
    let Ok(text) = std::str::from_utf8(inner.unwrap_or(name)) else { return false };
    if inner.is_some() { Ipv6Addr::from_str(text).is_ok() } else { Ipv4Addr::from_str(text).is_ok() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn by_host(guard: &Guard, host: &str) -> Result<(), Refusal> {
        guard.check("/", &headers(&[("host", host)]), Some(4141))
    }

    fn by_origin(guard: &Guard, path: &str, origin: &str) -> Result<(), Refusal> {
        guard.check(path, &headers(&[("host", "localhost"), ("origin", origin)]), Some(4141))
    }

    #[test]
    fn r02_hosts_by_their_spelling() {
        let local = Guard::default();
        for host in ["localhost", "LocalHost:4141", "127.0.0.1", "127.0.0.1:4141", "[::1]", "[::1]:4141"] {
            assert_eq!(by_host(&local, host), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:4141",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "localhost:1",
            "localhost:",
            "localhost:04141",
            "localhost:+4141",
            "localhost.",
            "localhost, evil.example",
            "::1",
            "::1:4141",
            "[::2]",
            "[::1",
            "0:0:0:0:0:0:0:1",
            "[0:0:0:0:0:0:0:1]",
            "127.1",
            "2130706433",
            "192.168.1.2:4141",
            ":4141",
            ":",
        ] {
            assert_eq!(by_host(&local, host), Err(Refusal::ForeignHost), "{host}");
        }
        for fields in [&[][..], &[("host", "")], &[("host", "localhost"), ("host", "localhost")]] {
            assert_eq!(local.check("/", &headers(fields), None), Err(Refusal::NoHost), "{fields:?}");
        }
        assert_eq!(local.check("/", &headers(&[("host", "localhost:1")]), None), Ok(()));
    }

    #[test]
    fn r02_beyond_loopback_any_address_passes_and_no_other_name() {
        let open =
            Guard { beyond_loopback: true, public_hosts: vec!["a.example".into()], ..Guard::default() };
        for host in ["192.168.1.2:8080", "[fe80::1]", "[::ffff:1.2.3.4]:1", "localhost:8080", "A.example:443"]
        {
            assert_eq!(by_host(&open, host), Ok(()), "{host}");
        }
        for host in
            ["rebound.example", "1.2.3.4.nip.io", "fe80::1", "[fe80::1%eth0]", "[1.2.3.4]", "01.2.3.4"]
        {
            assert_eq!(by_host(&open, host), Err(Refusal::ForeignHost), "{host}");
        }
    }

    #[test]
    fn r02_a_public_name_with_a_port_stands_for_that_port_only() {
        let named = Guard { public_hosts: vec!["a.example:8443".into()], ..Guard::default() };
        assert_eq!(by_host(&named, "a.example:8443"), Ok(()));
        assert_eq!(by_host(&named, "a.example"), Err(Refusal::ForeignHost));
        assert_eq!(by_host(&named, "a.example:8444"), Err(Refusal::ForeignHost));
    }

    #[test]
    fn r04_pages_by_their_origin() {
        let guard = Guard {
            public_hosts: vec!["a.example".into()],
            origins: vec!["https://ui.example".into()],
            viewer: Some(("https://viewer.example".into(), "/usage".into())),
            ..Guard::default()
        };
        for origin in [
            "http://localhost:4141",
            "http://127.0.0.1:4141",
            "http://[::1]:4141",
            "https://ui.example",
            "https://a.example",
            "http://a.example:4141",
        ] {
            assert_eq!(by_origin(&guard, "/", origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://localhost",
            "http://localhost:4142",
            "http://localhost.evil.example:4141",
            "HTTP://localhost:4141",
            "https://localhost:4141",
            "https://ui.example:443",
            "https://ui.example.evil.example",
            "http://ui.example",
            "https://viewer.example",
        ] {
            assert_eq!(by_origin(&guard, "/", origin), Err(Refusal::ForeignOrigin), "{origin}");
        }
        assert_eq!(by_origin(&guard, "/usage", "https://viewer.example"), Ok(()));
        for (site, passes) in
            [("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true)]
        {
            let asked = headers(&[("host", "localhost"), ("sec-fetch-site", site)]);
            assert_eq!(guard.check("/", &asked, None).is_ok(), passes, "{site}");
        }
    }
}
