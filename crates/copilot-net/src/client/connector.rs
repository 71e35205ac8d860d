//! Connects to the host of a call: TCP, the proxy when there is one, TLS.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri, uri::Scheme};
use hyper_util::{
    client::legacy::connect::{
        HttpConnector,
        proxy::{SocksV5, Tunnel},
    },
    rt::TokioIo,
};
use percent_encoding::percent_decode_str;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

use super::{
    errors::reason,
    link::{Link, Stream},
    proxies,
    roots::{Roots, Tls},
};

/// A call gives up by its own timeout. This ends a connection that nobody waits for any more: the pool lets
/// one go on in the background when another became free first.
const ABANDONED: Duration = Duration::from_mins(5);

/// Why there is no connection, in words without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DialError(String);

type Dialing<T> = Pin<Box<dyn Future<Output = Result<T, DialError>> + Send>>;

/// Makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector(Arc<Dialer>);

impl Connector {
    pub(super) fn new(proxy_from_env: bool, environ: HashMap<String, String>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let roots = Roots::new(&environ);
        let environ = if proxy_from_env { environ } else { HashMap::new() };
        Self(Arc::new(Dialer { tcp, roots, environ }))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Link>;
    type Error = DialError;
    type Future = Dialing<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let dialer = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::time::timeout(ABANDONED, dialer.dial(target))
                .await
                .map_err(|_| DialError("it took too long".to_owned()))?
                .map(TokioIo::new)
        })
    }
}

struct Dialer {
    tcp: HttpConnector,
    roots: Roots,
    /// Where proxies are looked up: empty when they are not wanted.
    environ: HashMap<String, String>,
}

impl Dialer {
    async fn dial(self: Arc<Self>, target: Uri) -> Result<Link, DialError> {
        let stream = match proxies::choose(&target.to_string(), &self.environ) {
            None => self.tcp(target.clone()).await?,
            Some(proxy) => Arc::clone(&self).through(&Proxy::read(&proxy)?, &target).await?,
        };
        if target.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Link::new(stream, false));
        }
        let tls = self.tls().await?;
        let stream = secure(stream, &tls.host, &target, tls).await?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Link::new(Box::new(stream), h2))
    }

    async fn tcp(&self, address: Uri) -> Result<Box<dyn Stream>, DialError> {
        let mut tcp = self.tcp.clone();
        let failed = |error| DialError(reason(&error));
        poll_fn(|cx| tcp.poll_ready(cx)).await.map_err(failed)?;
        let stream = tcp.call(address).await.map_err(failed)?;
        Ok(Box::new(stream.into_inner()))
    }

    async fn tls(&self) -> Result<&Tls, DialError> {
        self.roots.get().await.map_err(DialError)
    }

    /// Plain HTTP is tunnelled too: one way through a proxy, and no call's headers for it to read.
    async fn through(self: Arc<Self>, proxy: &Proxy, target: &Uri) -> Result<Box<dyn Stream>, DialError> {
        let target = with_port(target)?;
        let to_proxy = ToProxy { dialer: self, secure: proxy.kind == Kind::Https };
        let stream = if proxy.kind == Kind::Socks {
            let mut socks = SocksV5::new(proxy.address.clone(), to_proxy);
            if let Some((user, password)) = &proxy.user {
                socks = socks.with_auth(user.clone(), password.clone());
            }
            socks.call(target).await.map_err(|error| proxy.failed(&error))?
        } else {
            let mut tunnel = Tunnel::new(proxy.address.clone(), to_proxy);
            if let Some((user, password)) = &proxy.user {
                let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
                let value = HeaderValue::try_from(format!("Basic {credentials}"))
                    .map_err(|_| unusable("its user cannot be sent"))?;
                tunnel = tunnel.with_auth(value);
            }
            tunnel.call(target).await.map_err(|error| proxy.failed(&error))?
        };
        Ok(stream.into_inner())
    }
}

/// Connects to a proxy itself; what hyper-util's proxy connectors are put upon.
#[derive(Clone)]
struct ToProxy {
    dialer: Arc<Dialer>,
    secure: bool,
}

impl Service<Uri> for ToProxy {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = DialError;
    type Future = Dialing<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let Self { dialer, secure: secured } = self.clone();
        Box::pin(async move {
            let mut stream = dialer.tcp(address.clone()).await?;
            if secured {
                let tls = dialer.tls().await?;
                stream = Box::new(secure(stream, &tls.proxy, &address, tls).await?);
            }
            Ok(TokioIo::new(stream))
        })
    }
}

async fn secure(
    stream: Box<dyn Stream>,
    config: &Arc<ClientConfig>,
    target: &Uri,
    tls: &Tls,
) -> Result<TlsStream<Box<dyn Stream>>, DialError> {
    let host = target.host().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| DialError(error.to_string()))?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(|error| {
        let untrusted = error.get_ref().and_then(|inner| inner.downcast_ref());
        DialError(match (untrusted, tls.unread) {
            (Some(rustls::Error::InvalidCertificate(_)), Some(setting)) => {
                format!("{error} ({setting} names no certificate that can be read)")
            }
            _ => error.to_string(),
        })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    /// Names are resolved by the proxy, for `socks5` as for `socks5h`.
    Socks,
}

struct Proxy {
    kind: Kind,
    address: Uri,
    user: Option<(String, String)>,
    /// For messages.
    shown: String,
}

impl Proxy {
    fn read(url: &str) -> Result<Self, DialError> {
        let parts = proxies::Parts::of(url);
        let (kind, port) = match parts.scheme.as_str() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5" | "socks5h" => (Kind::Socks, 1080),
            _ => return Err(unusable("it is none of http, https, socks5, socks5h")),
        };
        let host = if parts.host.contains(':') { format!("[{}]", parts.host) } else { parts.host };
        let address = Uri::builder()
            .scheme("http")
            .authority(format!("{host}:{}", parts.port.unwrap_or(port)))
            .path_and_query("/")
            .build()
            .map_err(|_| unusable("it has no host"))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = parts.user.map(|(name, password)| (decoded(&name), decoded(&password)));
        Ok(Self { kind, address, user, shown: proxies::without_credentials(url) })
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> DialError {
        DialError(format!("proxy {}: {}", self.shown, reason(error)))
    }
}

fn unusable(why: &str) -> DialError {
    DialError(format!("the proxy setting cannot be used: {why}"))
}

/// hyper-util's proxy connectors take 443 for a port that is not written.
fn with_port(target: &Uri) -> Result<Uri, DialError> {
    let port = target.port_u16().unwrap_or(if target.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 });
    let host = target.host().unwrap_or_default();
    Uri::builder()
        .scheme(target.scheme_str().unwrap_or_default())
        .authority(format!("{host}:{port}"))
        .path_and_query("/")
        .build()
        .map_err(|error| DialError(error.to_string()))
}
