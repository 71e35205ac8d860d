//! from serving to the end.

use std::net::SocketAddr;

use copilot_net::server::{ResponseBody, ServerOptions, channel};
use tokio::net::TcpStream;

use super::support::{Expect, Host, get, head, post, whole, within};

/// Waits until nobody listens there.
async fn refused(address: SocketAddr) {
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_drain_ends_what_is_idle_and_lets_the_rest_finish() {
    let mut host = Host::new(ServerOptions::default());
    let (mut waiting, mut streaming, mut kept) =
        (host.client().await, host.client().await, host.client().await);
    let fresh = host.client().await;
    waiting.send(get("/waiting")).await;
    let (_, _, waits) = host.request().await;
    streaming.send(get("/streaming")).await;
    let (_, _, streams) = host.request().await;
    kept.send(get("/kept")).await;
    let (_, _, keeps) = host.request().await;
    keeps.respond(head(200, &[]), whole("x"));
    assert!(!kept.read(Expect::Body).await.closes());
    let (sender, body) = channel(100);
    streams.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("before".into()).unwrap();
    assert!(!streaming.head().await.closes());
    while host.stats().accepted < 4 {
        tokio::task::yield_now().await;
    }

    host.server.stop_accepting();
    assert!(kept.ends().await && fresh.ends().await);
    refused(host.address).await;
    sender.try_send("after".into()).unwrap();
    sender.finish();
    let rest = String::from_utf8(streaming.rest().await).unwrap();
    assert_eq!(rest, "6\r\nbefore\r\n5\r\nafter\r\n0\r\n\r\n");
    {
        let mut drained = std::pin::pin!(host.server.drained());
        assert!(futures_poll(drained.as_mut()).await, "one is in flight");
    }
    waits.respond(head(200, &[]), whole("late"));
    let answer = waiting.read(Expect::Body).await;
    assert_eq!((answer.text(), answer.closes()), ("late", true));
    assert!(waiting.ends().await);
    within(host.server.drained()).await;
    assert_eq!(host.stats().connections, 0);
    host.nothing_more().await;
}

/// Polls once, and returns whether the future is still pending.
async fn futures_poll(mut future: std::pin::Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_request_that_has_begun_when_the_drain_begins_is_served() {
    let mut host = Host::new(ServerOptions::default());
    let (mut in_head, mut in_body) = (host.client().await, host.client().await);
    for client in [&mut in_head, &mut in_body] {
        client.send(get("/first")).await;
        let (_, _, responder) = host.request().await;
        responder.respond(head(200, &[]), whole("x"));
        client.read(Expect::Body).await;
    }
    let request = post("/second", "body");
    in_head.send(&request[..30]).await;
    in_body.send(&request[..request.len() - 2]).await;
    // Another connection behind them is served: theirs were read by then, or are read with the next bytes.
    let mut other = host.client().await;
    other.send(get("/other")).await;
    host.request().await.2.respond(head(200, &[]), whole("x"));
    other.read(Expect::Body).await;
    host.server.stop_accepting();
    refused(host.address).await;
    in_head.try_send(&request[30..]).await;
    in_body.try_send(&request[request.len() - 2..]).await;
    for _ in 0..2 {
        let (_, request, responder) = host.request().await;
        responder.respond(head(200, &[]), whole(request.body));
    }
    for mut client in [in_head, in_body] {
        let answer = client.read(Expect::Body).await;
        assert_eq!((answer.text(), answer.closes()), ("body", true));
        assert!(client.ends().await);
    }
    within(host.server.drained()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_an_abort_cuts_everything_at_once() {
    let mut host = Host::new(ServerOptions::default());
    let (mut waiting, mut streaming, idle) = (host.client().await, host.client().await, host.client().await);
    waiting.send(get("/waiting")).await;
    let (first, _, waits) = host.request().await;
    streaming.send(get("/streaming")).await;
    let (second, _, streams) = host.request().await;
    let (sender, body) = channel(100);
    streams.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("x".into()).unwrap();
    streaming.head().await;
    host.server.stop_accepting();
    host.server.abort();
    within(host.server.drained()).await;
    let mut gone = [host.gone().await, host.gone().await];
    gone.sort_unstable();
    assert_eq!(gone, [first, second]);
    assert!(waits.is_gone() && sender.is_gone());
    assert!(waiting.ends().await && idle.ends().await);
    assert!(!streaming.rest().await.ends_with(b"0\r\n\r\n"));
    refused(host.address).await;
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_dropped_aborts() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (_, _, responder) = host.request().await;
    drop(host);
    assert!(client.ends().await);
    drop(responder);
}
