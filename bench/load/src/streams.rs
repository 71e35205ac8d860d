//! Many streamed requests at once; every byte is read and judged.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memchr::memchr;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::task::JoinSet;

use crate::arguments::Arguments;
use crate::http::{self, Framing, Wire};
use crate::measure::{self, Histogram};
use crate::{Outcome, frames};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Chat,
    Messages,
}

impl FromStr for Dialect {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "chat" => Ok(Self::Chat),
            "messages" => Ok(Self::Messages),
            _ => Err("it is chat or messages"),
        }
    }
}

pub(crate) struct Options {
    address: SocketAddr,
    dialect: Dialect,
    connections: usize,
    streams: usize,
    request: Vec<u8>,
    timeout: Duration,
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
        Ok(Self {
            address,
            dialect,
            connections: arguments.count("connections")?,
            streams: arguments.count("streams")?,
            request: http::request(address, &path, Some(&body)),
            timeout: Duration::from_secs(arguments.or("timeout", 120)?),
        })
    }
}

/// What all streams gave together.
struct Sum {
    finished: usize,
    damaged: usize,
    reasons: Vec<String>,
    chunks: u64,
    bytes: u64,
    first_bytes: Histogram,
    durations: Histogram,
    delays: Histogram,
}

struct Load {
    options: Options,
    tickets: AtomicUsize,
    sum: Mutex<Sum>,
}

/// Run all streams, print the figures, and return whether every stream was whole.
#[expect(clippy::print_stdout, reason = "the figures are the product")]
pub(crate) async fn run(options: Options) -> Outcome<bool> {
    let (address, connections, timeout) = (options.address, options.connections, options.timeout);
    let mut wires = Vec::new();
    for _ in 0..connections.min(options.streams) {
        wires.push(Wire::connect(address).await?);
    }
    let load = Arc::new(Load {
        options,
        tickets: AtomicUsize::new(0),
        sum: Mutex::new(Sum {
            finished: 0,
            damaged: 0,
            reasons: Vec::new(),
            chunks: 0,
            bytes: 0,
            first_bytes: Histogram::new(),
            durations: Histogram::new(),
            delays: Histogram::new(),
        }),
    });
    let began = measure::now();
    let mut workers: JoinSet<()> = wires.into_iter().map(|wire| Arc::clone(&load).work(wire)).collect();
    let all = async { while workers.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(timeout, all).await.is_ok();
    let wall = measure::now() - began;
    workers.abort_all();

    let mut sum = load.sum.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = load.options.streams - sum.finished;
    if missing > 0 {
        let why = if in_time { "were never begun" } else { "were not over in time" };
        sum.reasons.push(format!("{missing} streams {why}"));
    }
    println!(
        "{}",
        json!({
            "streams": sum.finished,
            "damaged": sum.damaged + missing,
            "reasons": sum.reasons,
            "chunks": sum.chunks,
            "bytes": sum.bytes,
            "wall_ms": measure::milliseconds(wall),
            "chunks_per_second": measure::rate(sum.chunks, wall),
            "first_byte_ms": sum.first_bytes.report(),
            "delay_ms": sum.delays.report(),
            "duration_ms": sum.durations.report(),
        })
    );
    Ok(sum.damaged + missing == 0)
}

impl Load {
    async fn work(self: Arc<Self>, wire: Wire) {
        let options = &self.options;
        let mut wire = Some(wire);
        let mut delays = Histogram::new();
        while self.tickets.fetch_add(1, Ordering::Relaxed) < options.streams {
            let mut stream = Stream::new(options.dialect, &mut delays);
            let began = measure::now();
            let read = read(options, &mut wire, &mut stream).await;
            let over = measure::now();
            if read.as_ref().map_or(true, |close| *close) {
                wire = None;
            }
            let verdict = read.map_err(|failure| failure.to_string()).and_then(|_| stream.verdict());
            let Stream { chunks, bytes, first_byte, .. } = stream;

            let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.finished += 1;
            sum.chunks += chunks;
            sum.bytes += bytes;
            sum.delays.drain(&mut delays);
            sum.durations.add(over - began);
            if let Some(first_byte) = first_byte {
                sum.first_bytes.add(first_byte.saturating_sub(began));
            }
            if let Err(reason) = verdict {
                sum.damaged += 1;
                if sum.reasons.len() < 5 {
                    sum.reasons.push(reason);
                }
            }
        }
    }
}

/// Send one request and read its whole answer. Returns whether the connection is used up.
async fn read(options: &Options, wire: &mut Option<Wire>, stream: &mut Stream<'_>) -> Outcome<bool> {
    let wire = match wire {
        Some(wire) => wire,
        None => wire.insert(Wire::connect(options.address).await?),
    };
    wire.send(&options.request).await?;
    let head = wire.head(Framing::UntilClose).await?.ok_or("closed without an answer")?;
    if head.status() != 200 {
        let mut words = Vec::new();
        wire.body(head.framing, |piece| words.extend_from_slice(piece)).await?;
        words.truncate(300);
        return Err(format!("{}: {}", head.first, String::from_utf8_lossy(&words)).into());
    }
    wire.body(head.framing, |piece| stream.feed(piece)).await?;
    Ok(head.close)
}

/// One answer on its way: lines are cut as bytes come.
struct Stream<'a> {
    dialect: Dialect,
    delays: &'a mut Histogram,
    partial: Vec<u8>,
    begun: bool,
    ended: bool,
    damage: Option<String>,
    total: Option<u64>,
    chunks: u64,
    bytes: u64,
    first_byte: Option<u64>,
}

impl<'a> Stream<'a> {
    fn new(dialect: Dialect, delays: &'a mut Histogram) -> Self {
        Self {
            dialect,
            delays,
            partial: Vec::new(),
            begun: false,
            ended: false,
            damage: None,
            total: None,
            chunks: 0,
            bytes: 0,
            first_byte: None,
        }
    }

    fn feed(&mut self, mut piece: &[u8]) {
        let now = measure::now();
        self.first_byte.get_or_insert(now);
        self.bytes += piece.len() as u64;
        while let Some(end) = memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(end);
            piece = rest.get(1..).unwrap_or_default();
            let judged = if self.partial.is_empty() {
                self.line(line, now)
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                let judged = self.line(&whole, now);
                whole.clear();
                self.partial = whole;
                judged
            };
            if let Err(what) = judged {
                let line = String::from_utf8_lossy(line);
                self.damage
                    .get_or_insert_with(|| format!("{what}, after {} chunks: {line:.300}", self.chunks));
            }
        }
        self.partial.extend_from_slice(piece);
    }

    fn line(&mut self, line: &[u8], now: u64) -> Result<(), &'static str> {
        if line.is_empty() || line.starts_with(b":") {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix(b"event: ") {
            return self.event(name);
        }
        let data = line.strip_prefix(b"data: ").ok_or("a line that belongs to no stream")?;
        if self.dialect == Dialect::Chat {
            if self.ended {
                return Err("something after the end");
            }
            self.begun = true;
            if data == b"[DONE]" {
                self.ended = true;
                return Ok(());
            }
            if data.starts_with(b"{\"error\"") {
                return Err("an error frame");
            }
        }
        serde_json::from_slice::<IgnoredAny>(data).map_err(|_| "data that is not JSON")?;
        let mut wrong = None;
        frames::read(data, |mark| {
            if mark.sequence != self.chunks || *self.total.get_or_insert(mark.total) != mark.total {
                wrong = Some("a chunk out of turn");
            }
            self.chunks += 1;
            self.delays.add(now.saturating_sub(mark.nanoseconds));
        })?;
        wrong.map_or(Ok(()), Err)
    }

    fn event(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if self.dialect == Dialect::Chat {
            return Err("an event name in a chat stream");
        }
        match name {
            b"ping" if !self.ended => return Ok(()),
            b"error" => return Err("an error event"),
            _ if self.ended => return Err("something after the end"),
            b"message_start" if self.begun => return Err("a second start"),
            b"message_start" => self.begun = true,
            _ if !self.begun => return Err("something before the start"),
            b"message_stop" => self.ended = true,
            b"content_block_start" | b"content_block_delta" | b"content_block_stop" | b"message_delta" => {}
            _ => return Err("an unknown event"),
        }
        Ok(())
    }

    fn verdict(&self) -> Result<(), String> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let chunks = self.chunks;
        match self.total {
            _ if !self.ended => Err(format!("no end mark, after {chunks} chunks")),
            _ if !self.partial.is_empty() => Err("half a line at the end".to_owned()),
            Some(total) if total != chunks => Err(format!("{chunks} of {total} chunks")),
            None => Err("no chunk at all".to_owned()),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Stream};
    use crate::frames::{self, Mark};
    use crate::measure::Histogram;

    const END: &str = "data: [DONE]\n\n";

    fn frame(sequence: u64, total: u64) -> String {
        let mut text = String::new();
        frames::write(&mut text, Mark { sequence, total, nanoseconds: 5 }, 60);
        format!("data: {{\"content\":\"{text}\"}}\n\n")
    }

    fn judge(dialect: Dialect, text: &str) -> Result<(), String> {
        let verdicts: Vec<_> = [1, 7, text.len().max(1)]
            .into_iter()
            .map(|size| {
                let mut delays = Histogram::new();
                let mut stream = Stream::new(dialect, &mut delays);
                text.as_bytes().chunks(size).for_each(|piece| stream.feed(piece));
                stream.verdict()
            })
            .collect();
        assert!(verdicts.windows(2).all(|pair| pair[0].is_ok() == pair[1].is_ok()), "{verdicts:?}");
        verdicts.into_iter().next_back().unwrap_or(Ok(()))
    }

    #[test]
    fn a_whole_chat_stream_is_whole() {
        let text = format!(": hello\n\n{}{}{END}", frame(0, 2), frame(1, 2));
        assert_eq!(judge(Dialect::Chat, &text), Ok(()));
    }

    #[test]
    fn a_whole_messages_stream_is_whole() {
        let delta = |sequence| format!("event: content_block_delta\n{}", frame(sequence, 2));
        let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let text = format!("event: message_start\ndata: {{}}\n\n{}{}{stop}", delta(0), delta(1));
        assert_eq!(judge(Dialect::Messages, &text), Ok(()));
        assert!(judge(Dialect::Messages, &text.replace("message_start", "ping")).is_err());
        assert!(judge(Dialect::Messages, &text.replace(stop, "")).is_err());
        assert!(judge(Dialect::Messages, &text.replace("content_block_delta", "error")).is_err());
        assert!(judge(Dialect::Messages, &(text + &delta(2))).is_err());
    }

    #[test]
    fn damage_is_seen() {
        let (first, second) = (frame(0, 2), frame(1, 2));
        for wrong in [
            String::new(),
            END.to_owned(),
            format!("{first}{second}"),
            format!("{first}{END}"),
            format!("{second}{first}{END}"),
            format!("{first}{first}{second}{END}"),
            format!("{first}{second}{END}{END}"),
            format!("{first}{second}{END}data"),
            format!("{first}data: {{\"error\":{{}}}}\n\n{second}{END}"),
            format!("{first}{}{END}", second.replace("\"}", "\"")),
        ] {
            assert!(judge(Dialect::Chat, &wrong).is_err(), "{wrong}");
        }
    }
}
