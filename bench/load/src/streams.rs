//! Many streamed requests at once: how soon they begin, whether they keep their pace, whether they are whole.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Outcome;
use crate::arguments::Arguments;
use crate::asker::Place;
use crate::http::{self, Framing, Wire};
use crate::judge::{Dialect, Judge};
use crate::measure::{self, Histogram};

pub(crate) struct Options {
    address: SocketAddr,
    dialect: Dialect,
    connections: usize,
    streams: usize,
    /// How long streams are begun.
    seconds: Option<f64>,
    request: Vec<u8>,
    place: Place,
    /// Over how long the beginnings of the streams are spread.
    ramp: Duration,
    timeout: Duration,
    pace: Option<Pace>,
}

/// What the upstream was told about its frames, so that lateness can be judged from this end.
struct Pace {
    interval: Duration,
    chunks: u64,
    /// A frame is in time when it comes no later than this after it was due.
    slack: Duration,
}

impl Options {
    pub(crate) fn take(arguments: &mut Arguments) -> Outcome<Self> {
        let address = arguments.url()?;
        let dialect = arguments.needed("dialect")?;
        let usual = match dialect {
            Dialect::Chat => "/v1/chat/completions",
            Dialect::Messages => "/v1/messages",
        };
        let path: String = arguments.or("path", usual.to_owned())?;
        let body = arguments.body()?.ok_or("--body-file is needed")?;
        let request = http::request(address, &path, Some(&body));
        let slack = Duration::from_millis(arguments.or("slack-ms", 100)?);
        let pace = match arguments.optional("interval-us")? {
            Some(interval) => {
                let interval = Duration::from_micros(interval);
                Some(Pace { interval, chunks: arguments.needed("chunks")?, slack })
            }
            None => None,
        };
        Ok(Self {
            address,
            dialect,
            connections: arguments.count("connections")?,
            streams: arguments.count("streams")?,
            seconds: arguments.optional("seconds")?,
            place: Place::find(&request),
            request,
            ramp: Duration::from_millis(arguments.or("ramp-ms", 0)?),
            timeout: Duration::from_secs_f64(arguments.or::<f64>("timeout", 120.0)?.clamp(0.0, 3600.0)),
            pace,
        })
    }
}

/// What all streams gave together.
struct Sum {
    begun: usize,
    whole: usize,
    damaged: usize,
    reasons: Vec<String>,
    chunks: u64,
    in_time: u64,
    /// That came while all streams should have been running.
    steady: u64,
    /// That came no later than a second after the last was due.
    delivered: u64,
    bytes: u64,
    /// When streams were asked for that gave nothing yet.
    waiting: HashMap<usize, u64>,
    first_tokens: Histogram,
    durations: Histogram,
    delays: Histogram,
}

struct Load {
    options: Options,
    began: u64,
    tickets: AtomicUsize,
    sum: Mutex<Sum>,
    steady: std::ops::Range<u64>,
    window_end: u64,
}

/// Run all streams, print the figures, and return whether every stream was whole.
#[expect(clippy::print_stdout, reason = "the figures are the product")]
pub(crate) async fn run(options: Options) -> Outcome<bool> {
    let (address, connections, timeout) = (options.address, options.connections, options.timeout);
    let mut wires = Vec::new();
    for number in 1..=connections.min(options.streams) {
        wires.push(Wire::connect(address).await?);
        // A full backlog would cost a second each.
        if number % 8 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let load = Arc::new(Load::new(options));
    let mut workers: JoinSet<()> = wires.into_iter().map(|wire| Arc::clone(&load).work(wire)).collect();
    let all = async { while workers.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(timeout, all).await.is_ok();
    let over = measure::now();
    workers.abort_all();
    let report = load.report(over, in_time);
    println!("{report}");
    Ok(report.get("whole") == report.get("streams"))
}

impl Load {
    fn new(options: Options) -> Self {
        let began = measure::now();
        let after = |time: Duration| began + nanoseconds(time);
        let schedule = options.pace.as_ref().map_or(Duration::ZERO, Pace::length);
        let steady = after(options.ramp)..after(schedule.max(options.ramp));
        let window_end = after(options.ramp + schedule + Duration::from_secs(1));
        let sum = Sum {
            begun: 0,
            whole: 0,
            damaged: 0,
            reasons: Vec::new(),
            chunks: 0,
            in_time: 0,
            steady: 0,
            delivered: 0,
            bytes: 0,
            waiting: HashMap::new(),
            first_tokens: Histogram::new(),
            durations: Histogram::new(),
            delays: Histogram::new(),
        };
        Self { options, began, tickets: AtomicUsize::new(0), sum: Mutex::new(sum), steady, window_end }
    }

    fn sum(&self) -> MutexGuard<'_, Sum> {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self: Arc<Self>, wire: Wire) {
        let options = &self.options;
        let mut request = options.request.clone();
        let mut wire = Some(wire);
        let began = Instant::now();
        loop {
            let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
            let late = options.seconds.is_some_and(|seconds| began.elapsed().as_secs_f64() >= seconds);
            if ticket >= options.streams || late {
                return;
            }
            self.sum().begun += 1;
            if !options.ramp.is_zero() {
                let part = u32::try_from(ticket).unwrap_or(0);
                let parts = u32::try_from(options.streams).unwrap_or(1);
                tokio::time::sleep_until(began + options.ramp * part / parts).await;
            }
            let asker = options.place.write(&mut request, ticket as u64 + 1);
            let mut judge = Judge::new(options.dialect, asker);
            let sent = measure::now();
            self.sum().waiting.insert(ticket, sent);
            let read = self.read(&request, &mut wire, &mut judge, (ticket, sent)).await;
            let over = measure::now();
            if read.as_ref().map_or(true, |close| *close) {
                wire = None;
            }
            let verdict = read.map_err(|failure| failure.to_string()).and_then(|_| judge.verdict());
            let mut sum = self.sum();
            sum.bytes += judge.bytes;
            sum.durations.add(over - sent);
            match verdict {
                Ok(()) => sum.whole += 1,
                Err(reason) => {
                    sum.damaged += 1;
                    sum.waiting.remove(&ticket);
                    if sum.reasons.len() < 5 {
                        sum.reasons.push(reason);
                    }
                }
            }
        }
    }

    /// Send one request and read its whole answer. Returns whether the connection is used up.
    async fn read(
        &self,
        request: &[u8],
        wire: &mut Option<Wire>,
        judge: &mut Judge,
        (ticket, sent): (usize, u64),
    ) -> Outcome<bool> {
        let wire = match wire {
            Some(wire) => wire,
            None => wire.insert(Wire::connect(self.options.address).await?),
        };
        wire.send(request).await?;
        let head = wire.head(Framing::UntilClose).await?.ok_or("closed without an answer")?;
        if head.status() != 200 {
            let mut words = Vec::new();
            wire.body(head.framing, |piece| words.extend_from_slice(piece)).await?;
            words.truncate(300);
            return Err(format!("{}: {}", head.first, String::from_utf8_lossy(&words)).into());
        }
        let pace = self.options.pace.as_ref();
        let mut first = true;
        wire.body(head.framing, |piece| {
            let now = measure::now();
            let mut sum = self.sum();
            judge.feed(piece, &mut |mark: crate::frames::Mark| {
                if std::mem::take(&mut first) {
                    sum.waiting.remove(&ticket);
                    sum.first_tokens.add(now - sent);
                }
                sum.chunks += 1;
                sum.delays.add(now.saturating_sub(mark.nanoseconds));
                sum.steady += u64::from(self.steady.contains(&now));
                sum.delivered += u64::from(now <= self.window_end);
                let due = pace.map(|pace| sent + nanoseconds(pace.interval) * mark.sequence);
                let slack = pace.map_or(0, |pace| nanoseconds(pace.slack));
                sum.in_time += u64::from(due.is_some_and(|due| now <= due + slack));
            });
        })
        .await?;
        Ok(head.close)
    }

    fn report(&self, over: u64, in_time: bool) -> Value {
        let mut sum = self.sum();
        let streams = if self.options.seconds.is_some() { sum.begun } else { self.options.streams };
        let waits: Vec<u64> = sum.waiting.drain().map(|(_, sent)| over.saturating_sub(sent)).collect();
        for waited in waits {
            sum.first_tokens.add(waited);
        }
        let unfinished = streams - sum.whole - sum.damaged;
        if unfinished > 0 {
            let why = if in_time { "were never begun" } else { "were not over in time" };
            sum.reasons.push(format!("{unfinished} streams {why}"));
        }
        let wall = over - self.began;
        let mut report = json!({
            "streams": streams,
            "whole": sum.whole,
            "damaged": sum.damaged,
            "unfinished": unfinished,
            "reasons": sum.reasons,
            "chunks": sum.chunks,
            "bytes": sum.bytes,
            "wall_ms": measure::milliseconds(wall),
            "chunks_per_second": measure::rate(sum.chunks, wall),
            "first_token_ms": sum.first_tokens.report(),
            "delay_ms": sum.delays.report(),
            "duration_ms": sum.durations.report(),
        });
        if let (Some(pace), Some(report)) = (&self.options.pace, report.as_object_mut()) {
            let due = pace.chunks * streams as u64;
            report.insert("delivered_share".to_owned(), measure::share(sum.delivered, due));
            report.insert("in_time_share".to_owned(), measure::share(sum.in_time, due));
            let steady = self.steady.end - self.steady.start;
            report.insert("steady_chunks_per_second".to_owned(), measure::rate(sum.steady, steady).into());
        }
        report
    }
}

impl Pace {
    fn length(&self) -> Duration {
        self.interval * u32::try_from(self.chunks).unwrap_or(u32::MAX)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
