//! R-15: nobody holds a connection by being slow. The limits are short here and only ever waited for; the
//! figures themselves are tested in virtual time, beside the code.

use std::time::Duration;

use copilot_net::server::{ResponseBody, ServerOptions, channel};
use tokio::time::Instant;

use super::support::{Client, Expect, Host, get, head, post};

const SHORT: Duration = Duration::from_millis(100);

/// Longer than any test: what ends within it did not end because of this limit.
const LONG: Duration = Duration::from_secs(300);

fn patient() -> ServerOptions {
    ServerOptions {
        header_timeout: LONG,
        body_stall: LONG,
        keep_alive: LONG,
        write_stall: LONG,
        ..ServerOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_dripping_header_section_is_cut_and_others_are_unharmed() {
    let host = Host::echoing(ServerOptions { header_timeout: SHORT, ..patient() });
    let drips: Vec<_> = (0..50)
        .map(|number| {
            let address = host.address;
            tokio::spawn(async move {
                let mut client = Client::new(tokio::net::TcpStream::connect(address).await.unwrap());
                client.socket.set_nodelay(true).unwrap();
                let began = Instant::now();
                client.send(if number % 2 == 0 { "GET /" } else { "GET / HTTP/1.1\r\nX: " }).await;
                // Each byte comes well before the limit, all of them together do not.
                while began.elapsed() < SHORT * 3 && client.buffer.is_empty() {
                    let fill = tokio::time::timeout(SHORT / 10, client.fill());
                    if fill.await.is_err() && !client.try_send("y").await {
                        break;
                    }
                }
                let answer = client.read(Expect::Body).await;
                assert_eq!((answer.status, answer.closes()), (408, true));
                assert!(client.ends().await);
            })
        })
        .collect();
    let mut client = host.client().await;
    let mut asked = 0;
    while !drips.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(client.ask(get("/")).await.status, 200);
        asked += 1;
    }
    for drip in drips {
        drip.await.unwrap();
    }
    assert_eq!((host.seen(), host.stats().refused), (asked, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_the_header_timeout_does_not_count_the_time_between_requests() {
    let host = Host::echoing(ServerOptions { header_timeout: SHORT, ..patient() });
    let (mut idle, mut kept) = (host.client().await, host.client().await);
    assert_eq!(kept.ask(get("/")).await.status, 200);
    // A header section that times out tells that the time has passed, three times over.
    for _ in 0..3 {
        let mut slow = host.client().await;
        slow.send("GET").await;
        assert_eq!(slow.read(Expect::Body).await.status, 408);
    }
    assert_eq!(idle.ask(get("/")).await.status, 200);
    assert_eq!(kept.ask(get("/")).await.status, 200);
    // On a connection that was used it is armed as well.
    kept.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(kept.read(Expect::Body).await.status, 408);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_an_idle_connection_ends_quietly() {
    let host = Host::echoing(ServerOptions { keep_alive: SHORT, ..patient() });
    assert!(host.client().await.ends().await);
    let mut client = host.client().await;
    assert_eq!(client.ask(get("/")).await.status, 200);
    assert!(client.ends().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_waiting_for_an_answer_is_not_idle() {
    let mut host = Host::new(ServerOptions {
        keep_alive: SHORT,
        header_timeout: SHORT,
        body_stall: SHORT,
        write_stall: SHORT,
        ..ServerOptions::default()
    });
    let mut client = host.client().await;
    client.send(post("/", "x")).await;
    let (_, _, responder) = host.request().await;
    // Idle connections that end tell that the time has passed.
    for _ in 0..3 {
        assert!(host.client().await.ends().await);
    }
    let (sender, body) = channel(100);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("a".into()).unwrap();
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.unwrap(), b"a");
    for _ in 0..3 {
        assert!(host.client().await.ends().await);
    }
    sender.try_send("b".into()).unwrap();
    assert_eq!(client.chunk().await.unwrap(), b"b");
    sender.finish();
    assert!(client.chunk().await.is_none());
    assert!(client.ends().await);
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_body_that_stalls_is_cut() {
    let host = Host::echoing(ServerOptions { body_stall: SHORT, ..patient() });
    for request in [
        "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r",
    ] {
        let mut client = host.client().await;
        client.send(request).await;
        let answer = client.read(Expect::Body).await;
        assert_eq!((answer.status, answer.closes()), (408, true), "{request:?}");
        assert_eq!(answer.text().starts_with(r#"{"type":"error","#), request.contains("messages"));
        assert!(client.ends().await);
    }
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_body_that_drips_is_cut_though_it_never_pauses_for_long() {
    let host = Host::echoing(ServerOptions { body_stall: SHORT, ..patient() });
    let mut client = host.client().await;
    client.socket.set_nodelay(true).unwrap();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").await;
    while client.buffer.is_empty() {
        let fill = tokio::time::timeout(SHORT / 10, client.fill());
        if fill.await.is_err() && !client.try_send("y").await {
            break;
        }
    }
    assert_eq!(client.read(Expect::Body).await.status, 408);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_client_that_takes_nothing_is_cut_and_the_service_told() {
    let mut host = Host::new(ServerOptions { write_stall: SHORT, ..patient() });
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (ticket, _, responder) = host.request().await;
    let (sender, body) = channel(usize::MAX);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    // More than the system buffers.
    for _ in 0..64 {
        if sender.try_send(vec![b'x'; 1 << 20].into()).is_err() {
            break;
        }
    }
    assert_eq!(host.gone().await, ticket);
    assert!(sender.is_gone());
    drop(client);
    host.nothing_more().await;
}
