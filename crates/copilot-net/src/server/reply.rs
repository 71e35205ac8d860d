//! Answers: from the service to hyper.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use copilot_core::hook::{self, Stage};
use http::{
    HeaderMap, HeaderValue, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    response::Parts,
};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;

use super::{
    channel::ChannelBody,
    link::Exchange,
    refusal::{Dialect, Refusal},
};

/// A stream that the server takes over: it is polled when the socket has room.
pub type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = io::Error> + Send>>;

/// The body of an answer.
pub enum ResponseBody {
    /// Nothing.
    Empty,
    /// One piece.
    Whole(Bytes),
    /// What is sent into a [`channel`](super::channel()).
    Channel(ChannelBody),
    /// What polling gives. An error of it, or a panic, cuts the connection.
    Stream(BoxBody),
}

/// The answer to one request.
pub(super) struct Answer {
    head: Parts,
    body: ResponseBody,
}

/// Takes the answer to one request, from any thread. Dropped, it answers 500.
pub struct Responder(oneshot::Sender<Answer>);

impl Responder {
    pub(super) fn new(answer: oneshot::Sender<Answer>) -> Self {
        Self(answer)
    }

    /// Answers. `Content-Length` of a whole body, `Transfer-Encoding` and `Date` are the server's; with HEAD, 204
    /// and 304 the body is dropped. If the client is gone, nothing happens.
    pub fn respond(self, head: Parts, body: ResponseBody) {
        let _ = self.0.send(Answer { head, body });
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn gone(&mut self) {
        self.0.closed().await;
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

/// The body that hyper reads. Its drop is the end of the request, whichever way.
pub(super) struct Reply {
    source: Source,
    /// What is left of a length that was told: hyper does not ask for more.
    left: Option<u64>,
    exchange: Exchange,
}

enum Source {
    Empty,
    Whole(Bytes),
    Channel(ChannelBody),
    Stream(BoxBody),
}

impl Answer {
    /// Returns the answer as hyper wants it.
    pub(super) fn into_response(
        self,
        exchange: Exchange,
        dialect: Dialect,
        is_head: bool,
    ) -> http::Response<Reply> {
        let Self { mut head, body } = self;
        head.version = Version::HTTP_11;
        head.headers.remove(TRANSFER_ENCODING);
        let length = length(&head.headers);
        let (Ok(length), false) = (length, head.status.is_informational()) else {
            return refuse(Refusal::Unanswered, exchange, dialect, is_head);
        };
        if is_head || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return without_body(head, body, exchange, is_head);
        }
        let mut reply = Reply { source: Source::Empty, left: None, exchange };
        match body {
            ResponseBody::Channel(body) => {
                reply.left = length;
                reply.source = Source::Channel(body);
            }
            ResponseBody::Stream(body) => {
                reply.left = length.or_else(|| body.size_hint().exact());
                reply.source = Source::Stream(body);
            }
            whole => {
                if length.is_some() {
                    head.headers.remove(CONTENT_LENGTH);
                }
                if let ResponseBody::Whole(bytes) = whole
                    && !bytes.is_empty()
                {
                    reply.left = Some(bytes.len() as u64);
                    reply.source = Source::Whole(bytes);
                }
            }
        }
        if reply.is_end_stream() {
            reply.exchange.finish();
        }
        http::Response::from_parts(head, reply)
    }
}

/// Returns an answer of the server itself.
pub(super) fn refuse(
    refusal: Refusal,
    exchange: Exchange,
    dialect: Dialect,
    is_head: bool,
) -> http::Response<Reply> {
    exchange.link().shared.counters.refuse(refusal);
    let (head, body) = refusal.answer(dialect);
    if is_head {
        return without_body(head, ResponseBody::Whole(body), exchange, true);
    }
    let reply = Reply { left: Some(body.len() as u64), source: Source::Whole(body), exchange };
    http::Response::from_parts(head, reply)
}

fn without_body(
    mut head: Parts,
    body: ResponseBody,
    mut exchange: Exchange,
    is_head: bool,
) -> http::Response<Reply> {
    match body {
        ResponseBody::Whole(bytes) if is_head => {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        ResponseBody::Channel(body) => body.discard(),
        ResponseBody::Whole(_) | ResponseBody::Stream(_) | ResponseBody::Empty => {}
    }
    if head.status == StatusCode::NO_CONTENT {
        head.headers.remove(CONTENT_LENGTH);
    }
    exchange.finish();
    http::Response::from_parts(head, Reply { source: Source::Empty, left: None, exchange })
}

/// Returns the length that is told, or an error if hyper would break the connection over it.
fn length(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(None) };
    let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), lengths.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(()),
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let reply = self.get_mut();
        if let Some(stall) = reply.exchange.stall() {
            stall.polled();
        }
        let mut frame = match &mut reply.source {
            Source::Empty => None,
            Source::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Source::Channel(body) => ready!(body.poll_chunk(cx)).map(|chunk| chunk.map(Frame::data)),
            Source::Stream(body) => {
                let polled = catch_unwind(AssertUnwindSafe(|| {
                    hook::enter(Stage::Body);
                    body.as_mut().poll_frame(cx)
                }));
                match polled {
                    Ok(polled) => ready!(polled),
                    Err(_) => Some(Err(io::Error::other("the body panicked"))),
                }
            }
        };
        if matches!(reply.source, Source::Whole(_)) {
            reply.source = Source::Empty;
        }
        match &mut frame {
            // The client will see that something is missing.
            None if reply.left.is_some_and(|left| left > 0) => reply.exchange.give_up(),
            None => reply.exchange.finish(),
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (&mut reply.left, frame.data_mut()) {
                    data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= data.len() as u64;
                }
                if reply.is_end_stream() {
                    reply.exchange.finish();
                } else if let Some(stall) = reply.exchange.stall() {
                    stall.gave();
                }
            }
            Some(Err(_)) => {
                reply.source = Source::Empty;
                reply.exchange.give_up();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            _ if self.left == Some(0) => true,
            Source::Empty => true,
            Source::Whole(_) => false,
            Source::Channel(body) => body.is_over(),
            Source::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
