//! Requests with whole answers over kept connections: how many a second, and how long each takes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Outcome;
use crate::answers;
use crate::arguments::Arguments;
use crate::asker::{self, Place};
use crate::frames::{self, Mark};
use crate::http::{self, Framing, Wire};
use crate::measure::{self, Histogram};

const LONGEST: u64 = 600;

pub(crate) struct Options {
    address: SocketAddr,
    request: Vec<u8>,
    place: Place,
    /// Whether answers must have the text of a model in them.
    answered: bool,
    model: String,
    connections: usize,
    count: u64,
    seconds: f64,
    /// Requests a second that are begun; without it each connection asks as soon as it has its answer.
    rate: Option<f64>,
    timeout: Duration,
}

impl Options {
    pub(crate) fn take(arguments: &mut Arguments) -> Outcome<Self> {
        let address = arguments.url()?;
        let path: String = arguments.needed("path")?;
        let body = arguments.body()?;
        let (count, seconds) = (arguments.optional("count")?, arguments.optional::<f64>("seconds")?);
        if count.is_none() && seconds.is_none() {
            return Err("--count or --seconds is needed".into());
        }
        let rate: Option<f64> = arguments.optional("rate")?;
        if rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
            return Err("--rate must be more than 0".into());
        }
        #[expect(clippy::cast_precision_loss, reason = "ten minutes")]
        let longest = LONGEST as f64;
        let request = http::request(address, &path, body.as_deref());
        Ok(Self {
            address,
            place: Place::find(&request),
            answered: body.is_some() && !path.ends_with("/embeddings"),
            model: asker::Reader::new().model(&request).to_owned(),
            request,
            connections: arguments.count("connections")?,
            count: count.unwrap_or(u64::MAX),
            seconds: seconds.unwrap_or(longest).clamp(0.0, longest),
            rate,
            timeout: Duration::from_secs(arguments.or("timeout", LONGEST)?),
        })
    }
}

struct Sum {
    good: u64,
    exact: u64,
    bad: u64,
    reasons: Vec<String>,
    bytes: u64,
    latencies: Histogram,
    lags: Histogram,
}

struct Load {
    options: Options,
    began: Instant,
    tickets: AtomicU64,
    sum: Mutex<Sum>,
}

/// Send all requests, print the figures, and return whether every answer was good.
#[expect(clippy::print_stdout, reason = "the figures are the product")]
pub(crate) async fn run(options: Options) -> Outcome<bool> {
    let mut wires = Vec::new();
    for _ in 0..options.connections {
        wires.push(Wire::connect(options.address).await?);
    }
    let timeout = options.timeout;
    let began = measure::now();
    let sum = Sum {
        good: 0,
        exact: 0,
        bad: 0,
        reasons: Vec::new(),
        bytes: 0,
        latencies: Histogram::new(),
        lags: Histogram::new(),
    };
    let load =
        Arc::new(Load { options, began: Instant::now(), tickets: AtomicU64::new(0), sum: Mutex::new(sum) });
    let mut workers: JoinSet<()> = wires.into_iter().map(|wire| Arc::clone(&load).work(wire)).collect();
    let all = async { while workers.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(timeout, all).await.is_ok();
    let wall = measure::now() - began;
    workers.abort_all();

    let mut sum = load.sum.lock().unwrap_or_else(PoisonError::into_inner);
    if !in_time {
        sum.bad += 1;
        sum.reasons.push("not over in time".to_owned());
    }
    println!(
        "{}",
        json!({
            "requests": sum.good,
            "exact": sum.exact,
            "failed": sum.bad,
            "reasons": sum.reasons,
            "bytes": sum.bytes,
            "wall_ms": measure::milliseconds(wall),
            "requests_per_second": measure::rate(sum.good, wall),
            "latency_ms": sum.latencies.report(),
            "lag_ms": sum.lags.report(),
        })
    );
    Ok(sum.bad == 0 && sum.good > 0)
}

impl Load {
    async fn work(self: Arc<Self>, wire: Wire) {
        let options = &self.options;
        let end = self.began + Duration::from_secs_f64(options.seconds);
        let mut wire = Some(wire);
        let mut request = options.request.clone();
        let mut body = Vec::new();
        loop {
            let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
            let mut lag = None;
            if let Some(rate) = options.rate {
                #[expect(clippy::cast_precision_loss, reason = "tickets are few")]
                let due =
                    self.began + Duration::from_secs_f64((ticket as f64 / rate).min(2.0 * options.seconds));
                if due >= end {
                    return;
                }
                tokio::time::sleep_until(due).await;
                lag = Some(due.elapsed());
            }
            if ticket >= options.count || Instant::now() >= end {
                return;
            }
            let asker = options.place.write(&mut request, ticket + 1);
            let began = measure::now();
            let answer = ask(options.address, &request, &mut wire, &mut body).await;
            let took = measure::now() - began;
            if answer.as_ref().map_or(true, |close| *close) {
                wire = None;
            }
            let answer = answer.and_then(|_| options.judge(&body, asker));
            let failed = answer.is_err();
            self.note(answer, took, lag, body.len());
            if failed {
                // A gateway that is gone would be asked in a tight loop.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

impl Load {
    fn note(&self, answer: Outcome<bool>, took: u64, lag: Option<Duration>, size: usize) {
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(exact) => {
                sum.good += 1;
                sum.exact += u64::from(exact);
                sum.bytes += size as u64;
                sum.latencies.add(took);
            }
            Err(failure) => {
                sum.bad += 1;
                if sum.reasons.len() < 5 {
                    sum.reasons.push(failure.to_string());
                }
            }
        }
        if let Some(lag) = lag {
            sum.lags.add(u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

impl Options {
    /// The body must be whole and JSON, and carry the text that the upstream gave to this request. Returns whether
    /// it is the upstream's answer to the byte.
    fn judge(&self, body: &[u8], asker: u64) -> Outcome<bool> {
        let mut found: Option<Mark> = None;
        let mut marks = 0;
        if self.answered {
            frames::read(body, |mark| {
                found = Some(mark);
                marks += 1;
            })?;
            if marks != 1 || found.is_none_or(|mark| mark.asker != asker) {
                return Err(format!("{marks} texts, not the one of request {asker}").into());
            }
        }
        if found.is_some_and(|mark| answers::completion(&self.model, mark).as_bytes() == body) {
            return Ok(true);
        }
        serde_json::from_slice::<IgnoredAny>(body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        Ok(false)
    }
}

/// Ask once and read the whole answer. Returns whether the connection is used up.
async fn ask(
    address: SocketAddr,
    request: &[u8],
    wire: &mut Option<Wire>,
    body: &mut Vec<u8>,
) -> Outcome<bool> {
    let wire = match wire {
        Some(wire) => wire,
        None => wire.insert(Wire::connect(address).await?),
    };
    body.clear();
    wire.send(request).await?;
    let head = wire.head(Framing::UntilClose).await?.ok_or("closed without an answer")?;
    wire.body(head.framing, |piece| body.extend_from_slice(piece)).await?;
    if head.status() != 200 {
        body.truncate(300);
        return Err(format!("{}: {}", head.first, String::from_utf8_lossy(body)).into());
    }
    Ok(head.close)
}
