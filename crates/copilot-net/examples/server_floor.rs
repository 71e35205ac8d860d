//! What the server costs above bare hyper: serves the same small answer either way.
//!
//! `cargo run --release -p copilot-net --example server_floor -- ours 4199 1`: ours, hyper, or streams, which
//! answers with a stream that stays silent; the port; the threads.

use std::{
    convert::Infallible,
    error::Error,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use copilot_net::server::{
    BodySender, Listener, Request, Responder, ResponseBody, Server, ServerOptions, Service, channel,
};
use http::{HeaderValue, header::CONTENT_TYPE, response::Parts};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

const ANSWER: &[u8] =
    br#"{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}"#;

fn head() -> Parts {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head
}

struct Hello;

impl Service for Hello {
    fn request(&self, _request: Request, responder: Responder) -> u64 {
        responder.respond(head(), ResponseBody::Whole(Bytes::from_static(ANSWER)));
        0
    }

    fn gone(&self, _ticket: u64) {}
}

/// Keeps what a gateway keeps of a stream: its request and the sender.
#[derive(Default)]
struct Silent(Mutex<Vec<(Request, BodySender)>>);

impl Service for Silent {
    fn request(&self, mut request: Request, responder: Responder) -> u64 {
        request.body = Bytes::new();
        let (sender, body) = channel(64 * 1024);
        let _ = sender.try_send(Bytes::from_static(b"data: {}\n\n"));
        responder.respond(head(), ResponseBody::Channel(body));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((request, sender));
        0
    }

    fn gone(&self, _ticket: u64) {}
}

async fn bare(request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let _body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    Ok(hyper::Response::from_parts(head(), Full::new(Bytes::from_static(ANSWER))))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_default();
    let port = arguments.next().ok_or("which port?")?.parse()?;
    let threads: usize = arguments.next().unwrap_or("1".to_owned()).parse()?;
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build()?;
    let options = ServerOptions { max_connections: 10_000, h2c: true, ..ServerOptions::default() };
    let service: Arc<dyn Service> = match kind.as_str() {
        "ours" => Arc::new(Hello),
        "streams" => Arc::new(Silent::default()),
        _ => {
            listener.set_nonblocking(true)?;
            return runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    tokio::spawn(async move {
                        let service = service_fn(bare);
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
                    });
                }
            });
        }
    };
    let server = Server::start(vec![Listener::Tcp(listener)], options, service, runtime.handle())?;
    runtime.block_on(server.drained());
    Ok(())
}
