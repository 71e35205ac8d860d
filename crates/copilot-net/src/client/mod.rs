//! Pooled HTTP to GitHub and Copilot: TLS verified, redirects never followed, proxies as configured.
//!
//! [`Client::request`] sends a [`Call`] and waits for the header section of its [`Answer`]; `connector` makes
//! the connections that hyper's pool asks for, `roots` says whom to trust, `errors` how a failure is judged,
//! [`proxies`] which proxy a URL goes through. What goes out is the call, `accept-encoding: identity`, and
//! what HTTP itself needs: no cookies, no other defaults.

mod body;
mod connector;
mod decoding;
mod errors;
mod link;
pub mod proxies;
mod roots;

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING},
};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client as Pool, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{sync::Semaphore, time::sleep};

pub use self::{body::Body, errors::CallError};

use self::{
    connector::Connector,
    decoding::Decoder,
    errors::classify,
    link::{Mark, Record},
};

/// Idle connections are dropped before upstream's own limit near 60 s (D-H12, R-39).
const IDLE_POOL: Duration = Duration::from_secs(20);

/// A dead connection shows within two of these.
const PING: Duration = Duration::from_secs(20);

/// What a host may send ahead of its reader. The protocol's 64 KB hold a fast stream back on a long line.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// hyper refuses to read header sections into less.
const LEAST_HEADER_LIMIT: usize = 8192;

/// Options of the client.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Follow the proxy variables of compat.md 2.8.
    pub proxy_from_env: bool,
    /// Calls in flight at the same time, until the end of their bodies.
    pub max_connections: usize,
    /// Bytes of an answer's header section.
    pub header_limit: usize,
}

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a free connection or a new one: name, TCP, proxy and TLS together.
    pub connect: Duration,
    /// For the header section of the answer, on top of `connect`.
    pub first_byte: Duration,
    /// For silence inside a body; zero is no limit. [`Body`] does not keep it: it is given to its reader.
    pub idle: Duration,
}

/// One HTTP request.
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to, `http` or `https`.
    pub url: String,
    /// What goes out besides `accept-encoding`, `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Bytes>,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// The answer of one call, once its status and headers are there.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in order of appearance; the values of a repeated one are joined with `", "`. They
    /// are as upstream sent them, also where the body was decoded.
    pub headers: Vec<(String, String)>,
    /// What is still to be read.
    pub body: Body,
}

/// Sends calls. A clone is cheap and shares the connections.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    permits: Arc<Semaphore>,
}

impl Client {
    /// Returns a client. `environ` is asked for proxies and certificates in place of the process's own.
    #[must_use]
    pub fn new(options: ClientOptions, environ: HashMap<String, String>) -> Self {
        let ClientOptions { proxy_from_env, max_connections, header_limit } = options;
        let max_connections = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let pool = Pool::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_POOL)
            .pool_max_idle_per_host(max_connections)
            .http1_max_buf_size(header_limit.max(LEAST_HEADER_LIMIT))
            .http2_max_header_list_size(u32::try_from(header_limit).unwrap_or(u32::MAX))
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_while_idle(true)
            .build(Connector::new(proxy_from_env, environ));
        Self { pool, permits: Arc::new(Semaphore::new(max_connections)) }
    }

    /// Sends one call and waits for the answer's header section. Must run inside a tokio runtime. Dropping the
    /// future closes the connection, or resets the stream.
    ///
    /// # Errors
    ///
    /// Every [`CallError`] but those of a body.
    pub async fn request(&self, call: Call) -> Result<Answer, CallError> {
        let Timeouts { connect, first_byte, .. } = call.timeouts;
        let mut request = build(call)?;
        let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let unconnected = || {
            CallError::ConnectTimeout(format!("no connection to {host} within {} s", connect.as_secs_f64()))
        };
        let mut connected_by = pin!(sleep(connect));
        let mut answered_by = pin!(sleep(connect.saturating_add(first_byte)));

        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&self.permits).acquire_owned() => permit.map_err(|_| unconnected())?,
            () = &mut connected_by => return Err(unconnected()),
        };

        let captured = capture_connection(&mut request);
        let mut sending = pin!(self.pool.request(request));
        let mut mark: Option<Mark> = None;
        let response = poll_fn(|cx| {
            let polled = sending.as_mut().poll(cx);
            if let Some(record) = Record::of(&captured)
                && mark.as_ref().is_none_or(|mark| !mark.is_on(&record))
            {
                mark = Some(Mark::new(record));
            }
            if let Poll::Ready(sent) = polled {
                return Poll::Ready(sent.map_err(|error| classify(&error, mark.as_ref(), &host)));
            }
            if mark.is_none() && connected_by.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(unconnected()));
            }
            if answered_by.as_mut().poll(cx).is_ready() {
                let limit = first_byte.as_secs_f64();
                let text = format!("{host} sent no answer within {limit} s");
                return Poll::Ready(Err(CallError::FirstByteTimeout(text)));
            }
            Poll::Pending
        })
        .await?;
        if let Some(mark) = &mark {
            mark.record().answered();
        }

        let (parts, body) = response.into_parts();
        let headers = joined(&parts.headers);
        let encoding = headers.iter().find(|(name, _)| name == CONTENT_ENCODING.as_str());
        let decoder = Decoder::of(encoding.map_or("", |(_, value)| value)).map_err(|name| {
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
            CallError::ConnectionLost(format!(
                "{host} sent an answer in the encoding {name:?}, which was not asked for"
            ))
        })?;
        Ok(Answer { status: parts.status.as_u16(), headers, body: Body::new(body, decoder, permit) })
    }
}

/// A call that HTTP cannot express was not sent: the error says so, and not what is in it.
fn build(call: Call) -> Result<Request<Full<Bytes>>, CallError> {
    let wrong =
        |what: &str| CallError::ConnectFailed(format!("the call cannot be sent: its {what} is wrong"));
    let uri: Uri = call.url.parse().map_err(|_| wrong("address"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong("address"));
    }
    let mut request = Request::new(Full::new(call.body.unwrap_or_default()));
    *request.method_mut() = call.method.parse().map_err(|_| wrong("method"))?;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    for (name, value) in call.headers {
        let name: HeaderName = name.parse().map_err(|_| wrong("header"))?;
        let mut value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| wrong("header"))?;
        value.set_sensitive(name == AUTHORIZATION);
        headers.append(name, value);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request)
}

fn joined(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .keys()
        .map(|name| {
            let mut text = String::new();
            for (index, value) in headers.get_all(name).iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                text.extend(value.as_bytes().iter().map(|&byte| char::from(byte)));
            }
            (name.as_str().to_owned(), text)
        })
        .collect()
}
