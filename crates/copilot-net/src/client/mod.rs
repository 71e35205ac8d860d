//! Pooled HTTP to GitHub and Copilot: TLS verified, redirects never followed, proxies as configured.
//!
//! [`Client::request`] sends a [`Call`] and waits for the header section of its [`Answer`]. `pool` keeps the
//! connections of a host, `dial` makes them, `http1` and `http2` speak on them, `errors` says how a failure is
//! judged, [`proxies`] which proxy a URL goes through. What goes out is the call, `accept-encoding: identity`,
//! and what HTTP itself needs: no cookies, no other defaults.

mod answer;
mod body;
mod call;
mod decoding;
mod dial;
mod errors;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod http1;
mod http2;
mod moment;
mod pool;
pub mod proxies;
mod stream;

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep, timeout_at},
};

pub use self::{
    answer::Answer,
    body::Body,
    call::{Call, Headers, Payload, Timeouts},
    errors::CallError,
};

use self::{
    answer::{Head, value_of},
    body::Source,
    call::impossible,
    decoding::Decoder,
    dial::{Dialer, Proxy, Target},
    errors::{Failure, Fate},
    http2::Exchange,
    pool::{Carrier, Host},
};

/// Options of the client.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// Follow the proxy variables of compat.md 2.8.
    pub proxy_from_env: bool,
    /// Calls in flight at the same time, until the end of their bodies.
    pub max_connections: usize,
    /// Bytes of an answer's header section.
    pub header_limit: usize,
}

/// Sends calls. A clone is cheap and shares the connections; with the last one the idle ones are closed.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    max_connections: usize,
    header_limit: usize,
    /// Where proxies are looked up: empty when they are not wanted.
    environ: HashMap<String, String>,
    dialer: Dialer,
    permits: Arc<Semaphore>,
    /// By authority. Calls go to a handful of configured hosts.
    http: Hosts,
    https: Hosts,
}

type Hosts = RwLock<HashMap<String, Arc<Host>>>;

impl Client {
    /// Returns a client. `environ` is asked for proxies and certificates in place of the process's own.
    #[must_use]
    pub fn new(options: ClientOptions, environ: HashMap<String, String>) -> Self {
        let ClientOptions { proxy_from_env, max_connections, header_limit } = options;
        let max_connections = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let dialer = Dialer::new(&environ);
        Self(Arc::new(Inner {
            max_connections,
            header_limit,
            environ: if proxy_from_env { environ } else { HashMap::new() },
            dialer,
            permits: Arc::new(Semaphore::new(max_connections)),
            http: Hosts::default(),
            https: Hosts::default(),
        }))
    }

    /// Sends one call and waits for the answer's header section. Must run inside a tokio runtime. Dropping the
    /// future closes the connection, or resets the stream.
    ///
    /// # Errors
    ///
    /// Every [`CallError`] but those of a body.
    pub async fn request(&self, call: Call) -> Result<Answer, CallError> {
        let inner = &*self.0;
        let host = inner.host(&call.uri)?;
        let mut connect_by = None;
        let permit = match Arc::clone(&inner.permits).try_acquire_owned() {
            Ok(permit) => permit,
            // The ways that are seldom taken lie in a box: most calls need not carry their state about.
            Err(_) => Box::pin(inner.permit(&host, &call, &mut connect_by)).await?,
        };
        let mut idle = host.take();
        let mut fresh = idle.is_none();
        loop {
            let carrier = match idle.take() {
                Some(carrier) => carrier,
                None => Box::pin(inner.connect(&host, &call, &mut connect_by)).await?,
            };
            match exchange(&host, &call, carrier, inner.header_limit).await {
                Ok((head, source)) => return answer(&host, head, source, permit),
                // It was found dead before a byte went out on it: nobody needs to know.
                Err(Missing::Failure(Failure { fate: Fate::Unsent, .. })) if !fresh => {
                    fresh = true;
                    host.distrust();
                }
                Err(missing) => return Err(missing.into_call_error(&host, &call)),
            }
        }
    }
}

impl Inner {
    fn host(&self, uri: &Uri) -> Result<Arc<Host>, CallError> {
        let wrong = || impossible("address");
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or_else(wrong)?;
        let secure = *scheme == Scheme::HTTPS;
        let hosts = if secure { &self.https } else { &self.http };
        let known = hosts.read().unwrap_or_else(PoisonError::into_inner).get(authority.as_str()).cloned();
        if let Some(host) = known {
            return Ok(host);
        }
        let name = authority.host();
        let usual_port = if secure { 443 } else { 80 };
        let port = match authority.as_str().strip_prefix(name) {
            Some("" | ":") => usual_port,
            // What is before the name would be a user; what is after it may be no port.
            Some(rest) => rest.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or_else(wrong)?,
            None => return Err(wrong()),
        };
        if name.is_empty() || !secure && *scheme != Scheme::HTTP {
            return Err(wrong());
        }
        let shown = if port == usual_port { name.to_owned() } else { format!("{name}:{port}") };
        let target = Target { secure, host: name.trim_matches(['[', ']']).to_owned(), port };
        let proxy = proxies::choose(&uri.to_string(), &self.environ).map(|proxy| Proxy::read(&proxy));
        let host = Arc::new(Host::new(target, shown, proxy.transpose(), self.max_connections));
        let mut hosts = hosts.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(hosts.entry(authority.as_str().to_owned()).or_insert(host)))
    }

    async fn permit(
        &self,
        host: &Host,
        call: &Call,
        connect_by: &mut Option<Instant>,
    ) -> Result<OwnedSemaphorePermit, CallError> {
        let by = *connect_by.get_or_insert_with(|| Instant::now() + call.timeouts.connect);
        let permit = timeout_at(by, Arc::clone(&self.permits).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or_else(|| unconnected(host, call))
    }

    async fn connect(
        &self,
        host: &Arc<Host>,
        call: &Call,
        connect_by: &mut Option<Instant>,
    ) -> Result<Carrier, CallError> {
        let by = *connect_by.get_or_insert_with(|| Instant::now() + call.timeouts.connect);
        let connecting = timeout_at(by, host.connect(&self.dialer, self.header_limit)).await;
        connecting.unwrap_or_else(|_| Err(unconnected(host, call)))
    }
}

fn unconnected(host: &Host, call: &Call) -> CallError {
    let limit = call.timeouts.connect.as_secs_f64();
    CallError::ConnectTimeout(format!("no connection to {} within {limit} s", host.name()))
}

/// Why there is no header section.
enum Missing {
    Failure(Failure),
    Late,
}

impl Missing {
    fn into_call_error(self, host: &Host, call: &Call) -> CallError {
        match self {
            Self::Failure(failure) => {
                if failure.fate == Fate::Refused {
                    host.distrust();
                }
                failure.into_call_error(host.name())
            }
            Self::Late => {
                let limit = call.timeouts.first_byte.as_secs_f64();
                CallError::FirstByteTimeout(format!("{} sent no answer within {limit} s", host.name()))
            }
        }
    }
}

/// Sends `call` and waits for the header section of its answer.
async fn exchange(
    host: &Arc<Host>,
    call: &Call,
    carrier: Carrier,
    header_limit: usize,
) -> Result<(Head, Source), Missing> {
    let limit = call.timeouts.first_byte;
    match carrier {
        Carrier::Link(mut link) => {
            link.begin(call, host.authority(), header_limit);
            let head = answered(limit, |cx| (link.poll_head(cx), link.sent())).await?;
            Ok((head, Source::Link(link, Arc::clone(host))))
        }
        Carrier::Place(place) => {
            let mut exchange = Exchange::begin(call, place).map_err(Missing::Failure)?;
            let (head, body) = answered(limit, |cx| (exchange.poll_head(cx), exchange.sent())).await?;
            Ok((head, Source::Stream(Box::new(exchange.into_incoming(body)))))
        }
    }
}

/// Waits for what `poll` returns beside a count that grows with every byte that goes out. The limit is counted
/// from the last one. A timer is made only when there is something to wait for.
async fn answered<T>(
    limit: Duration,
    mut poll: impl FnMut(&mut Context<'_>) -> (Poll<Result<T, Failure>>, u64),
) -> Result<T, Missing> {
    let mut timer = pin!(None::<Sleep>);
    let mut sent = None;
    poll_fn(|cx| {
        let (polled, count) = poll(cx);
        if let Poll::Ready(result) = polled {
            return Poll::Ready(result.map_err(Missing::Failure));
        }
        if sent.replace(count) != Some(count) {
            timer.set(Some(sleep(limit)));
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| Err(Missing::Late)),
            None => Poll::Pending,
        }
    })
    .await
}

fn answer(
    host: &Host,
    Head { status, headers }: Head,
    mut source: Source,
    permit: OwnedSemaphorePermit,
) -> Result<Answer, CallError> {
    source.end_if_complete();
    let encoding = value_of(&headers, "content-encoding").filter(|_| !matches!(source, Source::Ended));
    let decoder = Decoder::of(encoding.unwrap_or_default()).map_err(|name| {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        CallError::ConnectionLost(format!(
            "{} sent an answer in the encoding {name:?}, which was not asked for",
            host.name()
        ))
    })?;
    Ok(Answer { status, headers, body: Body::new(source, decoder, permit) })
}
