//! What hyper calls for each request: read it, hand it to the service, wait for the answer.

use std::{
    borrow::Cow,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use copilot_core::hook;
use http::{
    HeaderValue, Method,
    header::{CONNECTION, CONTENT_LENGTH, HOST},
    request::Parts,
};
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use tokio::sync::oneshot;

use super::{
    Local, Request, Responder,
    gather::Gather,
    guard::Guard,
    link::{Body, Exchange, Link},
    options::{FIELDS, TARGET},
    refusal::{Dialect, Refusal},
    reply::{self, Answer, Reply},
    stages::Stage,
};

/// The requests of one connection.
pub(super) struct Handler {
    link: Arc<Link>,
}

/// One request until its answer begins. Not boxed: hyper keeps one place for it in each connection.
pub(super) struct Handling {
    state: State,
}

#[expect(
    clippy::large_enum_variant,
    reason = "a box would be allocated for each request, the place is there once"
)]
enum State {
    Refused(Refusal, Origin),
    Reading(Parts, Gather, Origin),
    Waiting(oneshot::Receiver<Answer>, Origin),
    Answered,
}

/// What an answer has to know of its request.
struct Origin {
    exchange: Exchange,
    dialect: Dialect,
    is_head: bool,
}

impl Handler {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Handler {
    type Response = http::Response<Reply>;
    type Error = Infallible;
    type Future = Handling;

    fn call(&self, request: http::Request<Incoming>) -> Handling {
        let (mut head, body) = request.into_parts();
        let path = percent_decode_str(head.uri.path());
        let origin = Origin {
            exchange: Exchange::new(&self.link),
            dialect: Dialect::of(&Cow::from(path)),
            is_head: head.method == Method::HEAD,
        };
        let state = match (self.check(&mut head, &body), self.link.take_body()) {
            (Err(refusal), _) => State::Refused(refusal, origin),
            (Ok(()), Body::Whole(bytes)) => State::hand_over(measured(head, &bytes), bytes, origin),
            (Ok(()), Body::Coming(_) | Body::Short) => State::Reading(head, Gather::wire(), origin),
            (Ok(()), Body::Elsewhere) if body.is_end_stream() => State::hand_over(head, Bytes::new(), origin),
            (Ok(()), Body::Elsewhere) => State::Reading(head, Gather::hyper(body), origin),
        };
        Handling { state }
    }
}

impl Handler {
    fn check(&self, head: &mut Parts, body: &Incoming) -> Result<(), Refusal> {
        if self.link.is_surplus() {
            return Err(Refusal::Full);
        }
        if self.link.is_http2() {
            check_stream(head)?;
        }
        self.admit(head)?;
        let limit = self.link.shared.options.body_limit;
        match body.size_hint().exact() {
            Some(size) if size > limit as u64 => Err(Refusal::BodyTooLarge { limit }),
            _ => Ok(()),
        }
    }

    /// Asks the guard, if there is one.
    fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        let Some(guard) = self.link.shared.guard() else { return Ok(()) };
        let judged = self.judge(&guard, head);
        if let Err(refusal) = judged {
            let service = &self.link.shared.service;
            let _ = catch_unwind(AssertUnwindSafe(|| {
                service.denied(head, refusal.status(), &refusal.message());
            }));
        }
        judged
    }

    fn judge(&self, guard: &Guard, head: &Parts) -> Result<(), Refusal> {
        let port = match &self.link.info.local {
            Local::Tcp(address) => Some(address.port()),
            Local::Unix(_) => None,
        };
        guard.check(&percent_decode_str(head.uri.path()).decode_utf8_lossy(), &head.headers, port)?;
        if guard.same_user && !self.link.is_ours() {
            return Err(Refusal::ForeignUser);
        }
        Ok(())
    }
}

/// What the screen does for HTTP/1.
fn check_stream(head: &mut Parts) -> Result<(), Refusal> {
    if head.method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    if head.headers.len() > FIELDS {
        return Err(Refusal::HeaderTooLarge);
    }
    if head.uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET) {
        return Err(Refusal::TargetTooLong);
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    match (head.uri.authority(), host) {
        _ if second.is_some() => Err(Refusal::Malformed("There is more than one Host field.")),
        (None, None) => Err(Refusal::Malformed("The Host field is missing.")),
        (Some(authority), Some(host))
            if !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()) =>
        {
            Err(Refusal::Malformed("The address and the Host field name different hosts."))
        }
        (Some(authority), None) => {
            // So that a service finds the host at one place.
            let host = HeaderValue::from_str(authority.as_str())
                .map_err(|_| Refusal::Malformed("The address is malformed."))?;
            head.headers.insert(HOST, host);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Puts the length back that hyper did not see.
fn measured(mut head: Parts, body: &Bytes) -> Parts {
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    head
}

impl State {
    fn hand_over(head: Parts, body: Bytes, mut origin: Origin) -> Self {
        let (answer, waiting) = oneshot::channel();
        let link = origin.exchange.link();
        link.shared.counters.requests.add();
        let request = Request { head, body, connection: Arc::clone(&link.info) };
        let service = &link.shared.service;
        // After a panic the responder is gone, which answers 500; without a ticket nothing is told about it.
        let named = catch_unwind(AssertUnwindSafe(|| {
            hook::enter(hook::Stage::Server);
            service.request(request, Responder::new(answer))
        }));
        if let Ok(ticket) = named {
            origin.exchange.handed_over(ticket);
        }
        Self::Waiting(waiting, origin)
    }
}

impl Future for Handling {
    type Output = Result<http::Response<Reply>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let state = &mut self.state;
        if let State::Reading(_, gather, origin) = state {
            let read = ready!(gather.poll(cx, origin.exchange.link()));
            if let State::Reading(head, gather, origin) = std::mem::replace(state, State::Answered) {
                *state = match read {
                    Ok(body) if gather.is_wire() => State::hand_over(measured(head, &body), body, origin),
                    Ok(body) => State::hand_over(head, body, origin),
                    Err(refusal) => State::Refused(refusal, origin),
                };
            }
        }
        let answer = match state {
            State::Waiting(waiting, _) => ready!(Pin::new(waiting).poll(cx)).map_err(|_| Refusal::Unanswered),
            State::Refused(refusal, _) => Err(*refusal),
            // hyper does not poll an answered request again.
            State::Reading(..) | State::Answered => return Poll::Pending,
        };
        match std::mem::replace(state, State::Answered) {
            State::Waiting(_, origin) | State::Refused(_, origin) => {
                let Origin { exchange, dialect, is_head } = origin;
                // hyper may not have been told yet, when the request came while the drain began. In HTTP/2 the field
                // means nothing, and hyper drops it.
                let is_last = exchange.link().shared.stages.now() != Stage::Serving;
                let mut response = match answer {
                    Ok(answer) => answer.into_response(exchange, dialect, is_head),
                    Err(refusal) => reply::refuse(refusal, exchange, dialect, is_head),
                };
                if is_last {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Poll::Ready(Ok(response))
            }
            State::Reading(..) | State::Answered => Poll::Pending,
        }
    }
}
