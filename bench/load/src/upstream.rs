//! A pretend GitHub and Copilot, as fast as one thread goes. It believes everything it is told.

use std::borrow::Cow;
use std::io::Result;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::arguments::Arguments;
use crate::frames::{self, Mark};
use crate::http::{Framing, Wire};
use crate::{Outcome, measure};

const CREATED: u64 = 1_795_390_000;

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

#[derive(Deserialize, Default)]
struct Asked<'a> {
    #[serde(default)]
    stream: bool,
    #[serde(borrow, default)]
    model: Cow<'a, str>,
}

impl Upstream {
    async fn converse(&self, socket: TcpStream) -> Result<()> {
        let mut wire = Wire::new(socket)?;
        let mut body = Vec::new();
        while let Some(head) = wire.head(Framing::Length(0)).await? {
            body.clear();
            wire.body(head.framing, |piece| body.extend_from_slice(piece)).await?;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let mut words = head.first.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let answer = match (method, path) {
                ("POST", "/chat/completions") => {
                    let asked: Asked = serde_json::from_slice(&body).unwrap_or_default();
                    if asked.stream {
                        self.stream(&mut wire, &asked.model).await?;
                        None
                    } else {
                        Some(completion(&asked.model, &self.id()))
                    }
                }
                ("POST", "/embeddings") => Some(embeddings(&body)),
                ("GET", "/models") => Some(json!({"object": "list", "data": models()})),
                ("GET", "/copilot_internal/v2/token") => Some(self.token()),
                ("GET", "/user") => Some(json!({"login": "octocat-pretended", "id": 1, "type": "User"})),
                ("POST", "/shape") => self.reshape(query),
                ("GET", "/stats") => Some(json!({
                    "requests": self.requests.load(Ordering::Relaxed),
                    "connections": self.connections.load(Ordering::Relaxed),
                })),
                _ => {
                    let refusal = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                    wire.send(refusal).await?;
                    None
                }
            };
            if let Some(answer) = answer {
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n\
                     content-length: {}\r\n\r\n",
                    answer.len()
                );
                wire.send((head + &answer).as_bytes()).await?;
            }
            if head.close {
                break;
            }
        }
        Ok(())
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

    async fn stream(&self, wire: &mut Wire, model: &str) -> Result<()> {
        let shape = self.shape();
        let id = self.id();
        let mut out = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                        transfer-encoding: chunked\r\n\r\n"
            .to_vec();
        let tail = format!(
            "\"index\":0,\"logprobs\":null}}],\"created\":{CREATED},\"id\":\"{id}\",\"model\":{},\
             \"object\":\"chat.completion.chunk\",\"system_fingerprint\":\"fp_0000000000\",\"usage\":",
            Value::from(model)
        );
        let choice = "data: {\"choices\":[{\"content_filter_results\":{},\"delta\":";
        let open = "\"finish_reason\":null,";
        chunk(
            &mut out,
            &[
                choice,
                "{\"content\":\"\",\"refusal\":null,\"role\":\"assistant\"},",
                open,
                &tail,
                "null}\n\n",
            ],
        );
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
                let mark = Mark { sequence, total: shape.chunks, nanoseconds: measure::now() };
                frames::write(&mut text, mark, shape.bytes);
                chunk(&mut out, &[choice, "{\"content\":\"", &text, "\"},", open, &tail, "null}\n\n"]);
                sequence += 1;
            }
            wire.send(&out).await?;
        }
        let usage = format!(
            "{{\"completion_tokens\":{0},\"prompt_tokens\":10,\"prompt_tokens_details\":{{\"cached_tokens\":0}},\
             \"total_tokens\":{1}}}}}\n\n",
            shape.chunks,
            shape.chunks + 10
        );
        let last = tail.split_once("],").map_or("", |(_, rest)| rest);
        for frame in [
            &[choice, "{},\"finish_reason\":\"stop\",", &tail, "null}\n\n"][..],
            &["data: {\"choices\":[],", last, &usage][..],
            &["data: [DONE]\n\n"][..],
        ] {
            out.clear();
            chunk(&mut out, frame);
            wire.send(&out).await?;
        }
        wire.send(b"0\r\n\r\n").await
    }
}

/// Append one chunk of a chunked body.
fn chunk(out: &mut Vec<u8>, parts: &[&str]) {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn completion(model: &str, id: &str) -> Value {
    let message = json!({"content": "A short answer.", "role": "assistant"});
    json!({
        "choices": [{"finish_reason": "stop", "index": 0, "message": message}],
        "created": CREATED,
        "id": id,
        "model": model,
        "object": "chat.completion",
        "usage": {
            "completion_tokens": 4,
            "prompt_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 0},
            "total_tokens": 14,
        },
    })
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

/// Claude's model is said to know chat completions only, so that Anthropic requests must be translated.
fn models() -> Vec<Value> {
    let chat = [
        ("claude-sonnet-4.6", "Claude Sonnet 4.6", "Anthropic", 168, 32),
        ("gpt-4.1", "GPT-4.1", "Azure OpenAI", 128, 16),
        ("gpt-4o", "GPT-4o", "Azure OpenAI", 64, 4),
    ];
    let mut entries: Vec<Value> = chat
        .into_iter()
        .map(|(id, name, vendor, prompt, output)| {
            json!({
                "billing": {"is_premium": vendor == "Anthropic", "multiplier": 1},
                "capabilities": {
                    "family": id,
                    "limits": {
                        "max_context_window_tokens": (prompt + output) * 1000,
                        "max_prompt_tokens": prompt * 1000,
                        "max_output_tokens": output * 1024,
                    },
                    "object": "model_capabilities",
                    "supports": {"streaming": true, "tool_calls": true, "parallel_tool_calls": true},
                    "tokenizer": "o200k_base",
                    "type": "chat",
                },
                "id": id,
                "is_chat_default": id == "gpt-4.1",
                "is_chat_fallback": id == "gpt-4.1",
                "model_picker_enabled": true,
                "name": name,
                "object": "model",
                "policy": {"state": "enabled", "terms": "The terms of the pretended vendor."},
                "preview": false,
                "supported_endpoints": ["/chat/completions"],
                "vendor": vendor,
                "version": id,
            })
        })
        .collect();
    entries.push(json!({
        "capabilities": {
            "family": "text-embedding-3-small",
            "limits": {"max_inputs": 512},
            "object": "model_capabilities",
            "supports": {"dimensions": true},
            "tokenizer": "cl100k_base",
            "type": "embeddings",
        },
        "id": "text-embedding-3-small",
        "model_picker_enabled": false,
        "name": "Embedding V3 small",
        "object": "model",
        "preview": false,
        "vendor": "Azure OpenAI",
        "version": "text-embedding-3-small",
    }));
    entries
}
