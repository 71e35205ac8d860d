//! Makes connections: TCP, the proxy when there is one, TLS.

mod proxy;
mod roots;
mod socks;
mod tcp;
mod tunnel;

use std::{collections::HashMap, sync::Arc};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(super) use self::proxy::Proxy;
use self::{
    proxy::Kind,
    roots::{Roots, Tls},
};
use super::stream::{Socket, Stream};

/// Why there is no connection, in words without secrets.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct DialError(String);

/// Where a connection leads to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Connects, and loads the certificates when they are needed first.
pub(super) struct Dialer {
    roots: Roots,
}

impl Dialer {
    pub(super) fn new(environ: &HashMap<String, String>) -> Self {
        Self { roots: Roots::new(environ) }
    }

    /// Connects to `target`; the second value says that HTTP/2 was agreed upon. Dropping the future closes
    /// whatever is open.
    pub(super) async fn dial(
        &self,
        target: &Target,
        proxy: Option<&Proxy>,
    ) -> Result<(Stream, bool), DialError> {
        // Plain HTTP is tunnelled too, as 0.7.0 does it: no call's headers for the proxy to read.
        let stream = match proxy {
            None => Stream::Tcp(tcp::connect(&target.host, target.port).await?),
            Some(proxy) => self.through(proxy, target).await.map_err(|error| proxy.failed(&error))?,
        };
        if !target.secure {
            return Ok((stream, false));
        }
        let tls = self.roots.get().await.map_err(DialError)?;
        let stream = match stream {
            Stream::Tcp(socket) => Stream::Tls(secure(socket, &tls.host, &target.host, tls).await?),
            Stream::Tls(proxy) => Stream::Nested(secure(proxy, &tls.host, &target.host, tls).await?),
            nested @ Stream::Nested(_) => nested,
        };
        let alpn = match &stream {
            Stream::Tls(tls) => tls.get_ref().1.alpn_protocol(),
            Stream::Nested(tls) => tls.get_ref().1.alpn_protocol(),
            Stream::Tcp(_) => None,
        };
        let h2 = alpn == Some(b"h2");
        Ok((stream, h2))
    }

    async fn through(&self, proxy: &Proxy, target: &Target) -> Result<Stream, DialError> {
        let socket = tcp::connect(&proxy.host, proxy.port).await?;
        let mut stream = match proxy.kind {
            Kind::Http | Kind::Socks => Stream::Tcp(socket),
            Kind::Https => {
                let tls = self.roots.get().await.map_err(DialError)?;
                Stream::Tls(secure(socket, &tls.proxy, &proxy.host, tls).await?)
            }
        };
        match proxy.kind {
            Kind::Http | Kind::Https => tunnel::open(&mut stream, target, proxy.user.as_ref()).await?,
            Kind::Socks => socks::open(&mut stream, target, proxy.user.as_ref()).await?,
        }
        Ok(stream)
    }
}

async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: &Arc<ClientConfig>,
    host: &str,
    tls: &Tls,
) -> Result<Box<TlsStream<S>>, DialError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| DialError(error.to_string()))?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.map(Box::new).map_err(|error| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        DialError(match (inner, tls.unread) {
            (Some(rustls::Error::InvalidCertificate(_)), Some(setting)) => {
                format!("{error} ({setting} names no certificate that can be read)")
            }
            _ => error.to_string(),
        })
    })
}

fn broken(error: &std::io::Error) -> DialError {
    DialError(error.to_string())
}
