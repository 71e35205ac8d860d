//! `--name value` pairs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::Outcome;

/// Options of the command line that nobody has taken yet.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut pairs = BTreeMap::new();
        while let Some(argument) = given.next() {
            let name = argument.strip_prefix("--").ok_or_else(|| format!("{argument:?} is no option"))?;
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (name.to_owned(), given.next().ok_or_else(|| format!("{argument} needs a value"))?),
            };
            pairs.insert(name, value);
        }
        Ok(Self(pairs))
    }

    pub(crate) fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Outcome<Option<T>> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        Ok(Some(value.parse().map_err(|error| format!("--{name} {value:?}: {error}"))?))
    }

    pub(crate) fn or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Outcome<T> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    pub(crate) fn needed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Outcome<T> {
        Ok(self.optional(name)?.ok_or_else(|| format!("--{name} is needed"))?)
    }

    /// A number of 1 or more.
    pub(crate) fn count(&mut self, name: &str) -> Outcome<usize> {
        match self.needed(name)? {
            0 => Err(format!("--{name} must be 1 or more").into()),
            number => Ok(number),
        }
    }

    /// The address behind `--url`, which must be of this machine.
    pub(crate) fn url(&mut self) -> Outcome<SocketAddr> {
        let url: String = self.needed("url")?;
        let host = url.strip_prefix("http://").map_or(url.as_str(), |rest| rest.trim_end_matches('/'));
        let address = host.to_socket_addrs()?.next().ok_or_else(|| format!("{host} has no address"))?;
        if !address.ip().is_loopback() {
            return Err(format!("{url} is not on this machine").into());
        }
        Ok(address)
    }

    /// The bytes of `--body-file`, if it was given.
    pub(crate) fn body(&mut self) -> Outcome<Option<Vec<u8>>> {
        let Some(path) = self.optional::<String>("body-file")? else { return Ok(None) };
        Ok(Some(std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?))
    }

    /// Refuse what nobody took.
    pub(crate) fn finish(self) -> Outcome<()> {
        match self.0.into_keys().next() {
            Some(name) => Err(format!("there is no option --{name} here").into()),
            None => Ok(()),
        }
    }
}
