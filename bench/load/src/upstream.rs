//! A pretend GitHub and Copilot, as fast as one thread goes. It believes everything it is told.

use std::io::Result;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::answers::{self, ChunkTemplate};
use crate::arguments::Arguments;
use crate::asker;
use crate::catalogue::models;
use crate::frames::{self, Mark};
use crate::http::{Framing, Wire};
use crate::{Outcome, measure};

/// How a streamed answer looks.
#[derive(Clone, Copy)]
struct Shape {
    chunks: u64,
    /// Between two content frames; zero is as fast as the socket takes them.
    interval: Duration,
    /// Of text in a content frame.
    bytes: usize,
    /// Content frames that go out in one write where there is no interval.
    batch: u64,
}

pub(crate) struct Options {
    port: u16,
    shape: Shape,
    life: Duration,
}

impl Options {
    pub(crate) fn take(arguments: &mut Arguments) -> Outcome<Self> {
        let shape = Shape {
            chunks: arguments.or("chunks", 500)?,
            interval: Duration::from_micros(arguments.or("interval-us", 0)?),
            bytes: arguments.or("chunk-bytes", 48)?,
            batch: arguments.or("batch", 1)?,
        };
        let life = Duration::from_secs(arguments.or("seconds", 900)?);
        Ok(Self { port: arguments.or("port", 0)?, shape, life })
    }
}

struct Upstream {
    url: String,
    shape: Mutex<Shape>,
    requests: AtomicU64,
    connections: AtomicU64,
    ids: AtomicU64,
    reader: asker::Reader,
}

/// Print where it listens, then answer until its time is over.
#[expect(clippy::print_stdout, reason = "this line is how the starter learns the port")]
pub(crate) async fn serve(options: Options) -> Outcome<()> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("ready {url}");
    let upstream: &'static Upstream = Box::leak(Box::new(Upstream {
        url,
        shape: Mutex::new(options.shape),
        requests: AtomicU64::new(0),
        connections: AtomicU64::new(0),
        ids: AtomicU64::new(0),
        reader: asker::Reader::new(),
    }));
    let accepting = async {
        loop {
            let (socket, _) = listener.accept().await?;
            upstream.connections.fetch_add(1, Ordering::Relaxed);
            // A client that goes away is its own affair.
            tokio::spawn(async move { upstream.converse(socket).await.ok() });
        }
    };
    tokio::time::timeout(options.life, accepting).await.unwrap_or(Ok(()))
}

/// What the upstream reads out of a body.
struct Asked {
    stream: bool,
    model: String,
    asker: u64,
}

impl Upstream {
    async fn converse(&self, socket: TcpStream) -> Result<()> {
        let mut wire = Wire::new(socket)?;
        let mut out = Vec::new();
        while let Some(head) = wire.head(Framing::Length(0)).await? {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let mut words = head.first.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            if let ("POST", "/chat/completions" | "/v1/chat/completions") = (method, path) {
                let asked = wire.whole(head.framing, |body| self.asked(body)).await?;
                if asked.stream {
                    self.stream(&mut wire, &asked).await?;
                } else {
                    self.complete(&mut wire, &asked, &mut out).await?;
                }
            } else {
                let answer = wire.whole(head.framing, |body| self.other(method, path, query, body)).await?;
                wire.send(&answer).await?;
            }
            if head.close {
                break;
            }
        }
        Ok(())
    }

    fn asked(&self, body: &[u8]) -> Asked {
        Asked {
            stream: self.reader.streams(body),
            model: self.reader.model(body).to_owned(),
            asker: self.reader.asker(body),
        }
    }

    fn other(&self, method: &str, path: &str, query: &str, body: &[u8]) -> Vec<u8> {
        let answer = match (method, path) {
            ("POST", "/embeddings" | "/v1/embeddings") => Some(embeddings(body)),
            ("GET", "/models" | "/v1/models") => Some(json!({"object": "list", "data": models()})),
            ("GET", "/copilot_internal/v2/token") => Some(self.token()),
            ("GET", "/user") => Some(json!({"login": "octocat-pretended", "id": 1, "type": "User"})),
            ("POST", "/shape") => self.reshape(query),
            ("GET", "/stats") => Some(json!({
                "requests": self.requests.load(Ordering::Relaxed),
                "connections": self.connections.load(Ordering::Relaxed),
            })),
            // 0.7.0 asks a third host for the newest editor.
            ("GET", "/PKGBUILD") => Some(json!("pkgver=1.104.3")),
            _ => None,
        };
        let Some(answer) = answer else {
            return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
        };
        let mut out = Vec::new();
        answers::whole(&mut out, &answer.to_string());
        out
    }

    async fn complete(&self, wire: &mut Wire, asked: &Asked, out: &mut Vec<u8>) -> Result<()> {
        let mark = Mark { sequence: 0, total: 1, nanoseconds: measure::now(), asker: asked.asker };
        out.clear();
        answers::whole(out, &answers::completion(&asked.model, mark));
        wire.send(out).await
    }

    fn id(&self) -> String {
        format!("chatcmpl-{:024}", self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn shape(&self) -> Shape {
        *self.shape.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// `POST /shape?chunks=…&interval_us=…`: streams that begin from now on look like this.
    fn reshape(&self, query: &str) -> Option<Value> {
        let mut shape = self.shape();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value: u64 = value.parse().ok()?;
            match name {
                "chunks" => shape.chunks = value,
                "interval_us" => shape.interval = Duration::from_micros(value),
                "chunk_bytes" => shape.bytes = usize::try_from(value).ok()?,
                "batch" => shape.batch = value,
                _ => return None,
            }
        }
        *self.shape.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = shape;
        Some(json!({"ok": true}))
    }

    fn token(&self) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        json!({
            "token": "tid=00000000000000000000000000000000;exp=1;pretended",
            "refresh_in": 1500,
            "expires_at": now + 1800,
            "endpoints": {"api": self.url, "telemetry": self.url},
            "chat_enabled": true,
            "individual": true,
            "sku": "monthly_subscriber_quota",
        })
    }

    async fn stream(&self, wire: &mut Wire, asked: &Asked) -> Result<()> {
        let shape = self.shape();
        let template = ChunkTemplate::new(&asked.model, &self.id());
        let mut out = answers::STREAM_HEAD.to_vec();
        template.opening(&mut out);
        wire.send(&out).await?;
        let began = Instant::now();
        let mut text = String::with_capacity(shape.bytes);
        let mut sequence = 0;
        while sequence < shape.chunks {
            out.clear();
            let together = if shape.interval.is_zero() { shape.batch.max(1) } else { 1 };
            if !shape.interval.is_zero() {
                // Due times are absolute: a late frame does not make the next ones late.
                let due = shape.interval * u32::try_from(sequence).unwrap_or(u32::MAX);
                tokio::time::sleep_until(began + due).await;
            }
            for _ in 0..together.min(shape.chunks - sequence) {
                let nanoseconds = measure::now();
                let mark = Mark { sequence, total: shape.chunks, nanoseconds, asker: asked.asker };
                frames::write(&mut text, mark, shape.bytes);
                template.content(&mut out, &text);
                sequence += 1;
            }
            wire.send(&out).await?;
        }
        for frame in template.closing(shape.chunks) {
            out.clear();
            answers::chunk(&mut out, &[&frame]);
            wire.send(&out).await?;
        }
        wire.send(b"0\r\n\r\n").await
    }
}

fn embeddings(body: &[u8]) -> Value {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let inputs = request.get("input").and_then(Value::as_array).map_or(1, Vec::len);
    let data: Vec<Value> = (0..inputs)
        .map(|index| json!({"object": "embedding", "index": index, "embedding": vec![0.125; 256]}))
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": request.get("model"),
        "usage": {"prompt_tokens": inputs, "total_tokens": inputs},
    })
}
