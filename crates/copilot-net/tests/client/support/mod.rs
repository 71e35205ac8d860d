//! Peers of the client.

pub(crate) mod h2_peer;
pub(crate) mod proxy;
pub(crate) mod tls;
pub(crate) mod upstream;

use std::{collections::HashMap, future::poll_fn, time::Duration};

use bytes::Bytes;
use copilot_net::client::{Answer, Body, Call, CallError, Client, ClientOptions, Timeouts};

/// Long enough for a busy machine, short enough for a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TIMEOUTS: Timeouts = Timeouts { connect: PATIENCE, first_byte: PATIENCE, idle: PATIENCE };

pub(crate) const OPTIONS: ClientOptions =
    ClientOptions { proxy_from_env: false, max_connections: 64, header_limit: 256 * 1024 };

pub(crate) fn client() -> Client {
    Client::new(OPTIONS, HashMap::new())
}

/// A client that follows the proxies and certificates named in `environ`.
pub(crate) fn client_in(environ: &[(&str, &str)]) -> Client {
    let environ = environ.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Client::new(ClientOptions { proxy_from_env: true, ..OPTIONS }, environ)
}

pub(crate) fn get(url: &str) -> Call {
    Call::new("GET", url, [], None, TIMEOUTS).unwrap()
}

pub(crate) fn post(url: &str) -> Call {
    Call::new("POST", url, [("X-Mine", "1")], Some("{\"a\":1}".into()), TIMEOUTS).unwrap()
}

/// Reads a body whole.
pub(crate) async fn text(answer: Answer) -> Result<String, CallError> {
    let body = answer.body.read(64 << 20, PATIENCE).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// Calls and reads, both of which must go well.
pub(crate) async fn fetch(client: &Client, call: Call) -> String {
    text(client.request(call).await.unwrap()).await.unwrap()
}

/// Lets time pass for the timers of everyone who has nothing else to do.
pub(crate) async fn pass(time: Duration) {
    // Whoever was woken sets its timers first.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// The next piece of a body.
pub(crate) async fn chunk(body: &mut Body) -> Option<Result<Bytes, CallError>> {
    poll_fn(|cx| body.poll_chunk(cx)).await
}

/// Everything that comes before the end or the error, and which it was.
pub(crate) async fn all(mut body: Body) -> (Vec<u8>, Result<(), CallError>) {
    let mut bytes = Vec::new();
    loop {
        match chunk(&mut body).await {
            Some(Ok(piece)) => {
                assert!(!piece.is_empty());
                bytes.extend_from_slice(&piece);
            }
            Some(Err(error)) => {
                assert!(chunk(&mut body).await.is_none(), "an error is the last word");
                return (bytes, Err(error));
            }
            None => return (bytes, Ok(())),
        }
    }
}

pub(crate) fn error(result: Result<Answer, CallError>) -> CallError {
    match result {
        Ok(answer) => panic!("answered with {}", answer.status),
        Err(error) => error,
    }
}
