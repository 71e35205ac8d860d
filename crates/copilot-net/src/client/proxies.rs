//! Which proxy a URL goes through: the rules of compat.md 2.8 over environment variables.

use std::{collections::HashMap, hash::BuildHasher};

/// Returns the proxy URL for `url`, or None for a direct connection.
#[must_use]
pub fn choose<S: BuildHasher>(url: &str, environ: &HashMap<String, String, S>) -> Option<String> {
    let parts = Parts::of(url);
    let scheme = parts.scheme.as_str();
    let port = parts.port.filter(|port| *port != 0).unwrap_or(match scheme {
        "http" => 80,
        "https" => 443,
        _ => 0,
    });
    let names = [
        format!("npm_config_{scheme}_proxy"),
        format!("{scheme}_proxy"),
        "npm_config_proxy".to_owned(),
        "all_proxy".to_owned(),
    ];
    let proxy = names.iter().find_map(|name| look_up(name, environ))?;
    if excluded(&parts.host, port, environ) {
        return None;
    }
    Some(if proxy.contains("://") { proxy.to_owned() } else { format!("{scheme}://{proxy}") })
}

/// Returns a proxy URL that may be logged.
#[must_use]
pub fn without_credentials(proxy: &str) -> String {
    // A password that is not encoded may hold what ends an authority, and what looks like a scheme.
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("", proxy));
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let parts = Parts::of(&format!("{}://{address}", if is_scheme { scheme } else { "" }));
    let host = if parts.host.contains(':') { format!("[{}]", parts.host) } else { parts.host };
    match parts.port {
        Some(port) if port != 0 => format!("{}://{host}:{port}", parts.scheme),
        _ => format!("{}://{host}", parts.scheme),
    }
}

/// What is needed of a URL. Proxy settings are written by hand: this reads what a strict parser refuses.
pub(super) struct Parts {
    /// In lower case.
    pub(super) scheme: String,
    /// In lower case and without brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// User and password as they are written, still percent-encoded.
    pub(super) user: Option<(String, String)>,
}

impl Parts {
    pub(super) fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (host, port) = match address.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (name.to_owned(), password.to_owned())
        });
        Self {
            scheme: scheme.to_lowercase(),
            host: host.to_lowercase(),
            port: port.and_then(|port| port.parse().ok()),
            user,
        }
    }
}

fn look_up<'e, S: BuildHasher>(name: &str, environ: &'e HashMap<String, String, S>) -> Option<&'e str> {
    let set = |name: String| environ.get(&name).map(String::as_str).filter(|value| !value.is_empty());
    set(name.to_lowercase()).or_else(|| set(name.to_uppercase()))
}

fn excluded<S: BuildHasher>(host: &str, port: u16, environ: &HashMap<String, String, S>) -> bool {
    let listed =
        look_up("npm_config_no_proxy", environ).or_else(|| look_up("no_proxy", environ)).unwrap_or_default();
    listed.trim() == "*"
        || listed
            .split(|character: char| character == ',' || character.is_whitespace())
            .any(|entry| !entry.is_empty() && matches(&entry.to_lowercase(), host, port))
}

fn matches(entry: &str, host: &str, port: u16) -> bool {
    let mut name = entry;
    if let Some((before, wanted)) = entry.rsplit_once(':')
        && !before.is_empty()
        && !wanted.is_empty()
        && wanted.bytes().all(|byte| byte.is_ascii_digit())
    {
        if wanted.parse() != Ok(port) {
            return false;
        }
        name = before;
    }
    if let Some(end) = name.strip_prefix('*') {
        return host.ends_with(end);
    }
    if name.starts_with('.') { host.ends_with(name) } else { host == name }
}
