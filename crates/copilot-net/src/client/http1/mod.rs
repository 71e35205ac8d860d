//! HTTP/1.1, without a task of its own: whoever waits for an answer reads the socket itself. A silent stream
//! so costs its socket and this struct, and a chunk costs the read.
//!
//! [`Link`] is one connection. It sends one request, reads the header section ([`head`]) and then the body as
//! [`framing`] delimits it, after which it may serve another request.

mod framing;
mod head;

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use self::framing::{Framing, Step};
use super::{
    answer::Head,
    call::{Call, Payload, content_length},
    errors::{Failure, Fate},
    stream::Stream,
};

const TOO_LARGE: &str = "the header section of its answer is too large";
const CUT: &str = "the connection was closed before its end";

/// Bytes read at once. They lie on the stack: a waiting stream holds no buffer.
const READ: usize = 16 * 1024;

/// Pieces of a request that are written by one call.
const TOGETHER: usize = 8;

/// A body that has this much to come by its own length is read into pieces of this size, without a copy.
const LARGE: usize = 64 * 1024;

/// The bytes of a connection both ways, with a count of those that went out.
pub(super) trait Carry: AsyncRead + AsyncWrite + Unpin {
    /// Bytes that were taken.
    fn sent(&self) -> u64;
}

impl Carry for Stream {
    fn sent(&self) -> u64 {
        Self::sent(self).bytes()
    }
}

/// One connection.
pub(super) struct Link<S = Stream> {
    pub(super) stream: S,
    /// It has answered before.
    used: bool,
    /// Bytes that the socket took before this request.
    sent_before: u64,
    out: Option<Outgoing>,
    /// Sending failed. An answer may have come before: a server that refuses a body closes early.
    out_failed: Option<io::Error>,
    /// The answer to `HEAD` has no body.
    bodiless: bool,
    /// The start of a header section.
    section: Vec<u8>,
    /// What is left of the header sections' limit.
    limit: usize,
    /// What came with the header section.
    rest: Bytes,
    framing: Framing,
    /// What is wrong with the framing after the bytes that were given away.
    wrong: Option<&'static str>,
    keep: bool,
}

/// What of a request is still to be written.
struct Outgoing(VecDeque<Bytes>);

impl Link {
    /// Whether an idle connection can take a request.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.stream.is_quiet()
    }
}

impl<S: Carry> Link<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            used: false,
            sent_before: 0,
            out: None,
            out_failed: None,
            bodiless: false,
            section: Vec::new(),
            limit: 0,
            rest: Bytes::new(),
            framing: Framing::Length(0),
            wrong: None,
            keep: false,
        }
    }

    /// Gives it the next request; the header sections of its answer may have `limit` bytes.
    pub(super) fn begin(&mut self, call: &Call, authority: &str, limit: usize) {
        self.sent_before = self.stream.sent();
        self.bodiless = call.method == Method::HEAD;
        self.limit = limit;
        let body =
            call.body.as_ref().map_or(&[][..], Payload::pieces).iter().filter(|piece| !piece.is_empty());
        self.out = Some(Outgoing(std::iter::once(request(call, authority)).chain(body.cloned()).collect()));
    }

    /// Grows for as long as the request is being sent.
    pub(super) fn sent(&self) -> u64 {
        self.stream.sent()
    }

    /// Sends the request and reads the header section of its answer.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Failure>> {
        self.poll_send(cx);
        if let Some(error) = self.out_failed.take_if(|_| self.stream.sent() == self.sent_before) {
            return Poll::Ready(Err(Failure { fate: Fate::Unsent, why: error.to_string() }));
        }
        loop {
            let mut space = [const { MaybeUninit::uninit() }; READ];
            let mut buffer = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let came = buffer.filled();
            if read.is_err() || came.is_empty() {
                return Poll::Ready(Err(self.no_answer(read.err())));
            }
            if let Some(head) = self.take(came).transpose() {
                return Poll::Ready(head.map_err(Failure::lost));
            }
        }
    }

    fn no_answer(&mut self, error: Option<io::Error>) -> Failure {
        let error = self.out_failed.take().or(error);
        let why = error.map_or_else(|| "it was closed".to_owned(), |error| error.to_string());
        if self.used && self.section.is_empty() { Failure::closed_while_idle() } else { Failure::lost(why) }
    }

    /// Takes bytes before the end of the header section; returns it when it is whole.
    fn take(&mut self, came: &[u8]) -> Result<Option<Head>, String> {
        let seen = self.section.len();
        let joined;
        let bytes = if seen == 0 {
            came
        } else {
            self.section.extend_from_slice(came);
            joined = std::mem::take(&mut self.section);
            &joined
        };
        let mut start = 0;
        let mut looked = seen;
        loop {
            let section = bytes.get(start..).unwrap_or_default();
            let Some(end) = head::end(section, looked) else {
                if section.len() > self.limit {
                    return Err(TOO_LARGE.to_owned());
                }
                self.section = section.to_vec();
                return Ok(None);
            };
            self.limit = self.limit.checked_sub(end).ok_or(TOO_LARGE)?;
            let section = head::parse(section.get(..end).unwrap_or_default(), self.bodiless)?;
            start += end;
            looked = 0;
            let Some(section) = section else { continue };
            self.rest = Bytes::copy_from_slice(bytes.get(start..).unwrap_or_default());
            self.framing = section.framing;
            self.keep = section.keep;
            return Ok(Some(section.head));
        }
    }

    /// Returns the next bytes of the body, None at its end; the bytes before an error come before it.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        // A server may answer before it has read everything, and go on reading.
        self.poll_send(cx);
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            if let Some(data) = self.data_of(&rest, |range| rest.slice(range)) {
                return Poll::Ready(Some(data));
            }
        }
        loop {
            if let Some(wrong) = self.wrong {
                return Poll::Ready(Some(Err(wrong.to_owned())));
            }
            if self.framing.is_complete() {
                return Poll::Ready(None);
            }
            if let Framing::Length(missing) = self.framing
                && missing >= LARGE as u64
            {
                return self.poll_large(cx).map(Some);
            }
            let mut space = [const { MaybeUninit::uninit() }; READ];
            let mut buffer = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let came = buffer.filled();
            if let Err(error) = read {
                return Poll::Ready(Some(Err(error.to_string())));
            }
            if came.is_empty() {
                return Poll::Ready(self.ended());
            }
            if let Some(data) =
                self.data_of(came, |range| Bytes::copy_from_slice(came.get(range).unwrap_or_default()))
            {
                return Poll::Ready(Some(data));
            }
        }
    }

    fn ended(&mut self) -> Option<Result<Bytes, String>> {
        if self.framing == Framing::UntilClose {
            self.framing = Framing::Length(0);
            return None;
        }
        Some(Err(CUT.to_owned()))
    }

    fn poll_large(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, String>> {
        let mut piece = BytesMut::with_capacity(LARGE);
        let read = ready!(pin!(self.stream.read_buf(&mut (&mut piece).limit(LARGE))).poll(cx));
        Poll::Ready(match read {
            Ok(0) => Err(CUT.to_owned()),
            Ok(count) => {
                if let Framing::Length(missing) = &mut self.framing {
                    *missing = missing.saturating_sub(count as u64);
                }
                // A slow line must not hold large buffers for small pieces.
                Ok(if count < LARGE / 4 { Bytes::copy_from_slice(&piece) } else { piece.freeze() })
            }
            Err(error) => Err(error.to_string()),
        })
    }

    /// Takes the data out of `input`, in one piece whatever the chunks are.
    fn data_of(
        &mut self,
        input: &[u8],
        whole: impl Fn(std::ops::Range<usize>) -> Bytes,
    ) -> Option<Result<Bytes, String>> {
        let mut first: Option<std::ops::Range<usize>> = None;
        let mut joined = Vec::new();
        let mut at = 0;
        loop {
            let step = self.framing.step(input, at);
            match step {
                Ok(Step::Data(range)) => {
                    at = range.end;
                    match &first {
                        None => first = Some(range),
                        Some(before) => {
                            if joined.is_empty() {
                                joined.reserve_exact(input.len() - before.start);
                                joined.extend_from_slice(input.get(before.clone()).unwrap_or_default());
                            }
                            joined.extend_from_slice(input.get(range).unwrap_or_default());
                        }
                    }
                    continue;
                }
                Ok(Step::More) => {}
                Ok(Step::End(end)) => self.keep &= end == input.len(),
                Err(wrong) => self.wrong = Some(wrong),
            }
            break;
        }
        // Good bytes come before what is wrong after them.
        if joined.is_empty() { first.map(|range| Ok(whole(range))) } else { Some(Ok(joined.into())) }
    }

    /// The body is whole.
    pub(super) fn is_complete(&self) -> bool {
        self.framing.is_complete()
    }

    /// Makes it ready for another request; false where it cannot serve one.
    pub(super) fn recycle(&mut self) -> bool {
        self.used = true;
        // Bytes beyond the message were noticed when it ended, or are here when it has no body.
        let whole = self.framing.is_complete() && self.wrong.is_none() && self.rest.is_empty();
        whole && self.keep && self.out.is_none() && self.out_failed.is_none()
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) {
        let Some(out) = &mut self.out else { return };
        match out.poll(&mut self.stream, cx) {
            Poll::Pending => {}
            Poll::Ready(sent) => {
                self.out = None;
                self.out_failed = sent.err();
            }
        }
    }
}

impl Outgoing {
    fn poll<S: Carry>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.0.is_empty() {
            let mut slices = [IoSlice::new(&[]); TOGETHER];
            let count = self.0.len().min(TOGETHER);
            for (slice, piece) in slices.iter_mut().zip(&self.0) {
                *slice = IoSlice::new(piece);
            }
            let slices = slices.get(..count).unwrap_or_default();
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Pin::new(stream).poll_flush(cx)
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.0.front_mut() {
            if written < piece.len() {
                return piece.advance(written);
            }
            written -= piece.len();
            self.0.pop_front();
        }
    }
}

/// Writes the header section of a request.
fn request(call: &Call, authority: &str) -> Bytes {
    let path = call.uri.path_and_query().map_or("/", |path| path.as_str());
    let (common, own) = (call.common.text(), call.headers.text());
    let mut text = Vec::with_capacity(common.len() + own.len() + path.len() + authority.len() + 128);
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| text.extend_from_slice(part));
    put(&[
        call.method.as_str().as_bytes(),
        if path.starts_with('/') { b" " } else { b" /" },
        path.as_bytes(),
        b" HTTP/1.1\r\nhost: ",
        authority.as_bytes(),
        b"\r\n",
        common,
        own,
    ]);
    if let Some(length) = content_length(call) {
        put(&[b"content-length: ", length.to_string().as_bytes(), b"\r\n"]);
    }
    put(&[b"accept-encoding: identity\r\n\r\n"]);
    text.into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use socket2::SockRef;
    use tokio::{
        io::AsyncWriteExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::client::{Client, ClientOptions, Timeouts, pool::Carrier, stream::Socket};

    const WAIT: Duration = Duration::from_secs(20);
    const TIMEOUTS: Timeouts = Timeouts { connect: WAIT, first_byte: WAIT, idle: WAIT };

    #[tokio::test]
    async fn r38_a_request_of_which_no_byte_went_out_was_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        tcp.readable().await.unwrap();

        let call = Call::new("POST", "http://h/", [], Some("body".into()), TIMEOUTS).unwrap();
        let mut link = Link::new(Stream::Tcp(Socket::new(tcp)));
        assert!(!link.is_quiet());
        link.begin(&call, "h", 1000);
        let failure = poll_fn(|cx| link.poll_head(cx)).await.unwrap_err();
        assert_eq!(failure.fate, Fate::Unsent, "{failure:?}");
    }

    #[tokio::test]
    async fn r39_an_idle_connection_that_takes_no_byte_costs_no_attempt() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let peer = tokio::spawn(async move {
            let mut open = Vec::new();
            for _ in 0..2 {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    socket.read_buf(&mut request).await.unwrap();
                }
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                open.push(socket);
            }
            open.len()
        });
        let options = ClientOptions { proxy_from_env: false, max_connections: 1, header_limit: 1000 };
        let client = Client::new(options, std::collections::HashMap::new());
        let call = Call::new("GET", &url, [], None, TIMEOUTS).unwrap();
        for _ in 0..2 {
            let answer = client.request(call.clone()).await.unwrap();
            assert_eq!(answer.body.read(10, WAIT).await.unwrap(), "ok");
            let host = client.0.host(&call.uri).unwrap();
            if let Some(Carrier::Link(link)) = host.take() {
                link.stream.break_off();
                host.give_back(link);
            }
        }
        assert_eq!(peer.await.unwrap(), 2);
    }
}
