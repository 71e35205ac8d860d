//! HTTP/2: one connection to a host, shared by its calls. A task of its own reads and writes it; calls and
//! bodies talk to the h2 crate themselves.

mod watched;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Ping, Reason, RecvStream, SendStream,
    client::{Builder, Connection, ResponseFuture, SendRequest},
};
use http::{
    HeaderValue, Request, Version,
    header::{ACCEPT_ENCODING, CONTENT_LENGTH},
};
use tokio::time::{Instant, sleep};

use self::watched::{Seen, Watched};
use super::{
    answer::{Head, joined},
    call::{Call, Payload, content_length, impossible},
    errors::{CallError, Failure, Fate, reason},
    moment::Moment,
    pool::IDLE,
    stream::{Sent, Stream},
};

/// A dead link is found within these two together.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

/// What upstream may send ahead of one reader, and so the memory that one which stopped costs.
const STREAM_WINDOW: u32 = 65_535;

/// Never the narrow place: readers that stopped must not hold up the others.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// What is handed to the connection at once of a body that is sent.
const PIECE: usize = 64 * 1024;

/// A connection, as its calls see it.
pub(super) struct Shared {
    sender: SendRequest<Bytes>,
    sent: Sent,
    seen: Arc<Seen>,
    calls: AtomicUsize,
    idle_since: Mutex<Moment>,
    /// A ping was not answered.
    silent: AtomicBool,
    /// It took no request.
    closed: AtomicBool,
    /// It has answered before.
    used: AtomicBool,
}

/// A call's place on a connection, until the end of its body.
pub(super) struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Moment::now();
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    /// Speaks the preface and starts the connection's task. `retire` takes the connection out of the pool.
    pub(super) async fn open(
        stream: Stream,
        header_limit: usize,
        retire: impl Fn(&Weak<Self>) + Send + Sync + 'static,
    ) -> Result<Arc<Self>, h2::Error> {
        let (sent, seen) = (stream.sent().clone(), Arc::new(Seen::default()));
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(header_limit).unwrap_or(u32::MAX))
            .handshake(Watched::new(stream, Arc::clone(&seen)))
            .await?;
        let shared = Arc::new(Self {
            sender,
            sent,
            seen,
            calls: AtomicUsize::new(0),
            idle_since: Mutex::new(Moment::now()),
            silent: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            used: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            drive(connection, &weak, &retire).await;
            retire(&weak);
        });
        Ok(shared)
    }

    /// Whether another call may be begun on it: it is open, and neither side has reason to think otherwise.
    pub(super) fn is_open(&self) -> bool {
        // Pings bring bytes more often than this, unless the machine slept and the peer may be gone.
        let awake = self.seen.age() < 2 * PING;
        let mut context = Context::from_waker(Waker::noop());
        let mut open = || matches!(self.sender.clone().poll_ready(&mut context), Poll::Ready(Ok(())));
        awake && !self.is_idle() && !self.closed.load(Ordering::Acquire) && open()
    }

    fn is_idle(&self) -> bool {
        self.calls.load(Ordering::Acquire) == 0
            && self.idle_since.lock().unwrap_or_else(PoisonError::into_inner).age() >= IDLE
    }

    /// Takes a place among the streams that upstream allows; `anyway`, also one that has to wait.
    pub(super) fn place(self: &Arc<Self>, anyway: bool) -> Option<Place> {
        let before = self.calls.fetch_add(1, Ordering::AcqRel);
        let place = Place(Arc::clone(self));
        (anyway || before < self.sender.current_max_send_streams()).then_some(place)
    }
}

/// Runs a connection to its end, and ends it when its peer is silent.
async fn drive(
    mut connection: Connection<Watched, Bytes>,
    shared: &Weak<Shared>,
    retire: &impl Fn(&Weak<Shared>),
) {
    let Some(mut pings) = connection.ping_pong() else { return };
    let mut timer = pin!(sleep(PING));
    let mut asked = false;
    poll_fn(|cx| {
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if asked && pings.poll_pong(cx).is_ready() {
            asked = false;
            timer.as_mut().reset(Instant::now() + PING);
        }
        while timer.as_mut().poll(cx).is_ready() {
            let Some(shared) = shared.upgrade() else {
                // It closes itself after its last stream.
                timer.as_mut().reset(Instant::now() + PING);
                continue;
            };
            if asked {
                shared.silent.store(true, Ordering::Release);
                return Poll::Ready(());
            }
            if shared.is_idle() {
                retire(&Arc::downgrade(&shared));
            }
            asked = pings.send_ping(Ping::opaque()).is_ok();
            timer.as_mut().reset(Instant::now() + if asked { PONG } else { PING });
        }
        Poll::Pending
    })
    .await;
}

/// A call on its way: sent, or being sent, and not answered.
pub(super) struct Exchange {
    response: ResponseFuture,
    upload: Upload,
    place: Place,
    /// What had gone out and come in before.
    sent_before: u64,
    seen_before: u64,
    used_before: bool,
}

/// The body of a request.
struct Upload {
    /// None once everything was handed over.
    stream: Option<SendStream<Bytes>>,
    left: Bytes,
}

impl Exchange {
    pub(super) fn begin(call: &Call, place: Place) -> Result<Self, Failure> {
        let shared = &place.0;
        let sent_before = shared.sent.bytes();
        let seen_before = shared.seen.bytes();
        let used_before = shared.used.load(Ordering::Acquire);
        let left = call.body.as_ref().map(Payload::joined).unwrap_or_default();
        let unsent = |why: String| Failure { fate: Fate::Unsent, why };
        let request = request(call).map_err(|error| unsent(error.to_string()))?;
        let sending = shared.sender.clone().send_request(request, left.is_empty());
        let (response, stream) = sending.map_err(|error| {
            shared.closed.store(true, Ordering::Release);
            unsent(reason(&error))
        })?;
        let stream = (!left.is_empty()).then_some(stream);
        Ok(Self { response, upload: Upload { stream, left }, place, sent_before, seen_before, used_before })
    }

    /// Grows for as long as the request is being sent.
    pub(super) fn sent(&self) -> u64 {
        u64::MAX - self.upload.left.len() as u64
    }

    /// Sends the request and waits for the header section of its answer.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Head, RecvStream), Failure>> {
        self.upload.poll(cx);
        let response = match ready!(Pin::new(&mut self.response).poll(cx)) {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Err(self.judge(&error))),
        };
        self.place.0.used.store(true, Ordering::Release);
        let (parts, body) = response.into_parts();
        let fields = || parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers = joined(parts.headers.len(), fields);
        Poll::Ready(Ok((Head { status: parts.status.as_u16(), headers }, body)))
    }

    fn judge(&self, error: &h2::Error) -> Failure {
        let shared = &self.place.0;
        // A GOAWAY reaches the streams above its last one, and no others: RFC 9113 6.8 and 8.7.
        let refused =
            error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM));
        let silent = shared.silent.load(Ordering::Acquire);
        // A peer that is there would have sent a window update, a ping, or bytes of another stream.
        let closed_while_idle = self.used_before && !silent && shared.seen.bytes() == self.seen_before;
        if refused {
            Failure { fate: Fate::Refused, why: "refused the request".to_owned() }
        } else if shared.sent.bytes() == self.sent_before {
            Failure { fate: Fate::Unsent, why: reason(error) }
        } else if closed_while_idle {
            Failure::closed_while_idle()
        } else if silent {
            Failure::lost("it did not answer a ping")
        } else {
            Failure::lost(reason(error))
        }
    }

    pub(super) fn into_incoming(self, body: RecvStream) -> Incoming {
        Incoming { body, upload: self.upload, _place: self.place }
    }
}

/// A body on its way. Dropping it resets the stream.
pub(super) struct Incoming {
    body: RecvStream,
    /// A server may answer before it has read everything, and go on reading.
    upload: Upload,
    _place: Place,
}

impl Incoming {
    pub(super) fn is_complete(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Returns the next bytes of the body, None at its end.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        self.upload.poll(cx);
        loop {
            return Poll::Ready(match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => {
                    // What was taken may be sent again: an error would be one of counting.
                    let _ = self.body.flow_control().release_capacity(data.len());
                    if data.is_empty() {
                        continue;
                    }
                    Some(Ok(data))
                }
                Some(Err(error)) => Some(Err(reason(&error))),
                None => None,
            });
        }
    }
}

impl Upload {
    /// Hands over what the windows allow. What goes wrong is said by the response.
    fn poll(&mut self, cx: &mut Context<'_>) {
        while let Some(stream) = &mut self.stream {
            stream.reserve_capacity(self.left.len().min(PIECE));
            if stream.capacity() == 0 {
                match stream.poll_capacity(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Some(Ok(_))) if stream.capacity() > 0 => {}
                    Poll::Ready(Some(Ok(_))) => continue,
                    Poll::Ready(_) => return self.end(),
                }
            }
            let piece = self.left.split_to(stream.capacity().min(self.left.len()));
            let last = self.left.is_empty();
            if stream.send_data(piece, last).is_err() || last {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.stream = None;
    }
}

fn request(call: &Call) -> Result<Request<()>, CallError> {
    let mut request = Request::new(());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.uri.clone();
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    let (common, own) = (call.common.fields(), call.headers.fields());
    headers.try_reserve(common.len() + own.len() + 2).map_err(|_| impossible("header"))?;
    for (name, value) in common.iter().chain(own) {
        headers.try_append(name.clone(), value.clone()).map_err(|_| impossible("header"))?;
    }
    if let Some(length) = content_length(call) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request)
}
