//! Answers: from the service to hyper.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
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

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

/// The body that hyper reads. Its drop is the end of the request, whichever way.
pub(super) struct Reply {
    source: Source,
    /// Whether a `Content-Length` of the service stands, which hyper keeps.
    is_sized: bool,
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
        let Some(is_sized) = is_sized(&head.headers).filter(|_| !head.status.is_informational()) else {
            return refuse(Refusal::Unanswered, exchange, dialect, is_head);
        };
        if is_head || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return without_body(head, body, exchange, is_head);
        }
        let mut reply = Reply { source: Source::Empty, is_sized, exchange };
        match body {
            ResponseBody::Whole(bytes) if !bytes.is_empty() => {
                head.headers.remove(CONTENT_LENGTH);
                reply.is_sized = false;
                reply.source = Source::Whole(bytes);
            }
            ResponseBody::Channel(body) => reply.source = Source::Channel(body),
            ResponseBody::Stream(body) => reply.source = Source::Stream(body),
            ResponseBody::Empty | ResponseBody::Whole(_) => {
                head.headers.remove(CONTENT_LENGTH);
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
    exchange.link().shared.counters.refused.add();
    let (head, body) = refusal.answer(dialect);
    if is_head {
        return without_body(head, ResponseBody::Whole(body), exchange, true);
    }
    let reply = Reply { source: Source::Whole(body), is_sized: false, exchange };
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
    http::Response::from_parts(head, Reply { source: Source::Empty, is_sized: true, exchange })
}

/// Returns whether there is a length, None if hyper would break the connection over it.
fn is_sized(headers: &HeaderMap) -> Option<bool> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Some(false) };
    let is_length = length
        .to_str()
        .is_ok_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok());
    (is_length && lengths.next().is_none()).then_some(true)
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
        let frame = match &mut reply.source {
            Source::Empty => None,
            Source::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Source::Channel(body) => ready!(body.poll_chunk(cx)).map(|chunk| chunk.map(Frame::data)),
            Source::Stream(body) => {
                let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(cx)));
                match polled {
                    Ok(polled) => ready!(polled),
                    Err(_) => Some(Err(io::Error::other("the body panicked"))),
                }
            }
        };
        if matches!(reply.source, Source::Whole(_)) {
            reply.source = Source::Empty;
        }
        match &frame {
            None => reply.exchange.finish(),
            Some(Ok(_)) => {
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
            Source::Empty => true,
            Source::Whole(_) => false,
            Source::Channel(body) => body.is_over(),
            Source::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Stream(body) if !self.is_sized => body.size_hint(),
            Source::Empty | Source::Stream(_) | Source::Channel(_) => SizeHint::default(),
        }
    }
}
