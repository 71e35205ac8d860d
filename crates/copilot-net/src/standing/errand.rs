//! One request that is carried: sent, answered, told of.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Acquire},
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use copilot_core::{
    text::Body,
    translation::{self, TranslatedRequest},
};
use http::{HeaderValue, Method, response::Parts};

use super::{
    Decision, Kind, Offer, Place, Record, Spent, Standing, answer, decision::Streaming, id, record::Event,
};
use crate::{
    client::{Answer, Call, CallError, Headers, Payload},
    relay::{Relay, Source},
    server::{Responder, ResponseBody},
};

/// Bytes of a whole answer (`crates/copilot-python/src/client.rs`).
const LARGEST: usize = 256 * 1024 * 1024;

/// A request that is ready to be sent.
pub struct Errand {
    standing: Arc<Standing>,
    kind: Arc<Kind>,
    place: Place,
    body: Arc<Body>,
    context: String,
    record: Record,
    began: Instant,
}

/// A request that came back: Python goes on as if it had sent the call itself.
pub struct Back {
    /// What it asked for.
    pub reply: Reply,
    /// By what it was sent.
    pub decision: Arc<Decision>,
    /// The id that upstream knows it by.
    pub id: String,
    /// Its place, which is still taken.
    pub place: Place,
}

/// What came of the call.
pub enum Reply {
    /// No answer.
    Failed(CallError),
    /// An answer that is not what it should be.
    Answered(u16, Vec<(String, String)>, Content),
    /// The gateway stops.
    Stopped,
    /// Our own code panicked, after the call had perhaps been sent.
    Panicked,
}

/// The body of an answer that came back.
pub enum Content {
    /// Read whole.
    Whole(Result<Bytes, CallError>),
    /// Perhaps the first bytes of it were read.
    Unread(Source),
    /// A stream that was refused by its first frame.
    Judged(Box<Relay>),
}

/// How carrying ended.
pub enum Carried {
    /// The client has its answer, or is gone.
    Done,
    /// It is Python's.
    Back(Box<Back>, Responder),
}

/// What is known once upstream's answer is what it should be.
enum Good {
    Whole(Parts, Bytes),
    Stream(Parts, Box<Relay>),
}

impl Errand {
    pub(super) fn new(
        standing: &Arc<Standing>,
        decision: Arc<Decision>,
        place: Place,
        offer: &mut Offer,
        agent: Option<HeaderValue>,
        body: &Arc<Body>,
        (began, at): (Instant, f64),
    ) -> Option<Box<Self>> {
        let document = body.document().ok()?;
        let started = Instant::now();
        let translated = translation::request_of(&document, &decision.request).ok()?;
        let spent = Spent { request: started.elapsed(), answer: None };
        let TranslatedRequest { body: written, rewrites, context } = translated;
        if decision.strict && rewrites.iter().any(|rewrite| answer::is_lossy(rewrite)) {
            return None;
        }
        let noted = if rewrites.is_empty() {
            Arc::clone(&decision.noted)
        } else {
            let all: Vec<&String> = decision.rewrites.iter().chain(&rewrites).collect();
            answer::note(all.into_iter()).into()
        };
        let content = match written {
            Some(written) => Arc::new(Body::written(body, written)),
            None => Arc::clone(body),
        };
        let record = Record {
            event: Event::Gone,
            body: decision.counted.then(|| Arc::clone(&content)),
            decision,
            id: id::draw(),
            upstream_id: String::new(),
            at,
            first: None,
            duration: began.elapsed(),
            bytes_in: body.size(),
            bytes_out: 0,
            usage: None,
            agent,
            elsewhere: std::time::Duration::ZERO,
            reason: std::mem::take(&mut offer.facts.initiator_reason),
            rewrites,
            noted,
            spent,
        };
        let (standing, kind) = (Arc::clone(standing), Arc::clone(&offer.kind));
        Some(Box::new(Self { standing, kind, place, body: content, context, record, began }))
    }

    /// Carries the request to its end. Dropping the future closes the connection to upstream.
    pub async fn run(mut self: Box<Self>, mut responder: Responder) -> Carried {
        let stopped = {
            // The future of it must not borrow from what is moved below.
            let standing = Arc::clone(&self.standing);
            async move {
                let mut stopped = pin!(standing.stop.notified());
                stopped.as_mut().enable();
                if !standing.is_stopped.load(Acquire) {
                    stopped.await;
                }
            }
        };
        let result = {
            let fetching = Contained(pin!(self.fetch()));
            tokio::select! {
                biased;
                result = fetching => Some(result.unwrap_or(Err(Reply::Panicked))),
                () = responder.gone() => None,
                () = stopped => Some(Err(Reply::Stopped)),
            }
        };
        let Some(result) = result else {
            self.record.body = None;
            self.over(Event::Gone);
            return Carried::Done;
        };
        match result {
            Ok(Good::Whole(head, bytes)) => {
                self.record.first = Some(self.began.elapsed());
                self.record.bytes_out = bytes.len();
                let body = if bytes.is_empty() { ResponseBody::Empty } else { ResponseBody::Whole(bytes) };
                responder.respond(head, body);
                self.over(Event::Whole);
                Carried::Done
            }
            Ok(Good::Stream(head, relay)) => {
                self.relayed(head, relay, responder);
                Carried::Done
            }
            Err(reply) if responder.is_gone() => {
                drop(reply);
                self.over(Event::Gone);
                Carried::Done
            }
            Err(reply) => {
                self.standing.came_back(&self.kind, &self.record.decision);
                let Self { place, record: Record { decision, id, .. }, .. } = *self;
                Carried::Back(Box::new(Back { reply, decision, id, place }), responder)
            }
        }
    }

    /// The answer began, and is whole.
    fn over(self: Box<Self>, event: Event) {
        let Self { standing, place, mut record, began, .. } = *self;
        record.event = event;
        record.duration = began.elapsed();
        drop(place);
        standing.settle(record);
    }

    /// Gives a stream to the server, and tells of its end when that comes.
    fn relayed(self: Box<Self>, head: Parts, relay: Box<Relay>, responder: Responder) {
        let Self { standing, place, mut record, began, .. } = *self;
        record.first = Some(began.elapsed());
        let body = record.body.take();
        standing.settle(Record { event: Event::Begun, body, ..record.clone() });
        let control = relay.control();
        let number = standing.begun(&record, &relay, began);
        responder.respond(head, ResponseBody::Stream(Box::pin(*relay)));
        let ended = Arc::clone(&control);
        control.on_end(move || {
            standing.ended(number);
            drop(place);
            if let Some(summary) = ended.summary() {
                record.event = Event::Ended(summary);
                record.duration = began.elapsed();
                standing.settle(record);
            }
        });
    }

    async fn fetch(&mut self) -> Result<Good, Reply> {
        let decision = Arc::clone(&self.record.decision);
        let fields = [("x-request-id", self.record.id.as_str())];
        let own = decision.own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let call = Call {
            method: Method::POST,
            uri: decision.uri.clone(),
            common: Arc::clone(&decision.common),
            headers: Headers::read(fields.into_iter().chain(own)).map_err(Reply::Failed)?,
            body: Some(Payload::of(Arc::clone(&self.body))),
            timeouts: decision.timeouts,
        };
        let asked = Instant::now();
        let Answer { status, headers, body } =
            self.standing.client.request(call).await.map_err(Reply::Failed)?;
        let source = Source::new(body);
        let is_good = (200..300).contains(&status);
        match decision.streaming {
            None => {
                let read = source.read(LARGEST, decision.timeouts.idle).await;
                self.record.elsewhere = asked.elapsed();
                let good = if is_good { self.whole(&decision, &headers, read.as_ref().ok()) } else { None };
                good.ok_or_else(|| Reply::Answered(status, headers, Content::Whole(read)))
            }
            Some(streaming) => {
                self.record.elsewhere = asked.elapsed();
                self.stream(&decision, streaming, status, headers, source).await
            }
        }
    }

    /// Writes a whole answer; none if that is not what upstream sent.
    fn whole(
        &mut self,
        decision: &Decision,
        headers: &[(String, String)],
        body: Option<&Bytes>,
    ) -> Option<Good> {
        let body = body.filter(|_| content_type(headers) != "text/event-stream")?;
        let started = Instant::now();
        let plan = decision.answer(self.context.as_bytes(), self.now());
        let translated = translation::answer(body, &plan).ok()?;
        let out = translated.body.map_or_else(|| body.clone(), Bytes::from);
        let (head, upstream_id) =
            answer::head(headers, &self.record.noted, Some(out.len()), &self.record.id)?;
        self.record.spent.answer = Some(started.elapsed());
        self.record.usage = translated.usage;
        self.record.upstream_id = upstream_id;
        Some(Good::Whole(head, out))
    }

    async fn stream(
        &mut self,
        decision: &Decision,
        streaming: Streaming,
        status: u16,
        headers: Vec<(String, String)>,
        mut source: Source,
    ) -> Result<Good, Reply> {
        source.read_ahead(streaming.patience).await;
        let is_stream = matches!(content_type(&headers).as_str(), "text/event-stream" | "");
        let head = answer::head(&headers, &self.record.noted, None, &self.record.id);
        let Some((head, upstream_id)) = head.filter(|_| is_stream && (200..300).contains(&status)) else {
            return Err(Reply::Answered(status, headers, Content::Unread(source)));
        };
        let plan = decision.stream(streaming.frame_limit, self.body.size(), &self.context, self.now());
        let Ok(relay) = Relay::new(source, plan, streaming.limits) else {
            return Err(Reply::Panicked);
        };
        let mut relay = Box::new(relay);
        if poll_fn(|cx| relay.poll_first(cx)).await.is_err() {
            return Err(Reply::Answered(status, headers, Content::Judged(relay)));
        }
        self.record.upstream_id = upstream_id;
        Ok(Good::Stream(head, relay))
    }

    /// Unix seconds, about: answers may be told them.
    fn now(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
        let now = (self.record.at + self.began.elapsed().as_secs_f64()) as i64;
        now
    }
}

fn content_type(headers: &[(String, String)]) -> String {
    let found = headers.iter().find(|(name, _)| name == "content-type");
    let value = found.map(|(_, value)| value.as_str()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// A future whose panic is its own: then it gives nothing.
struct Contained<'f, F>(Pin<&'f mut F>);

impl<F: Future> Future for Contained<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}
