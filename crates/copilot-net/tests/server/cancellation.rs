//! A client that goes away is noticed at once, and the service told once.

use copilot_net::server::{ResponseBody, ServerOptions, channel};
use tokio::io::AsyncWriteExt;

use super::{
    conversation::{Polled, stream},
    sockets,
    support::{Client, Expect, Host, get, head, post, whole, within},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_while_it_waits_is_told_as_gone() {
    let mut host = Host::new(ServerOptions::default());
    for way in ["close", "half", "reset", "pipelined"] {
        let mut client = host.client().await;
        client.send(post("/", "x")).await;
        let (ticket, _, responder) = host.request().await;
        match way {
            "half" => client.socket.shutdown().await.unwrap(),
            "reset" => client.socket.set_zero_linger().unwrap(),
            // hyper alone does not look behind what comes next.
            "pipelined" => client.send(post("/next", "y") + "GET / HT").await,
            _ => {}
        }
        let kept = (way == "half").then_some(client);
        assert_eq!(host.gone().await, ticket, "{way}");
        assert!(responder.is_gone());
        // Too late, and harmless.
        responder.respond(head(200, &[]), whole("x"));
        drop(kept);
    }
    assert_eq!((host.seen(), host.stats().aborted), (4, 4));
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_during_a_silent_stream_is_told_as_gone() {
    let mut host = Host::new(ServerOptions::default());
    for way in ["close", "half", "reset", "pipelined"] {
        let mut client = host.client().await;
        client.send(get("/")).await;
        let (ticket, _, responder) = host.request().await;
        let (sender, body) = channel(100);
        responder.respond(head(200, &[]), ResponseBody::Channel(body));
        sender.try_send("first".into()).unwrap();
        client.head().await;
        assert_eq!(client.chunk().await.unwrap(), b"first");
        match way {
            "half" => client.socket.shutdown().await.unwrap(),
            "reset" => client.socket.set_zero_linger().unwrap(),
            "pipelined" => client.send(get("/next")).await,
            _ => {}
        }
        let kept = (way == "half").then_some(client);
        // Nothing is written in between.
        assert_eq!(host.gone().await, ticket, "{way}");
        assert!(sender.is_gone());
        drop(kept);
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_flows_is_dropped_when_its_client_goes() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (ticket, _, responder) = host.request().await;
    let (dropped, was_dropped) = tokio::sync::oneshot::channel::<()>();
    let guard = dropped;
    let body = Polled(Box::new(move || {
        let _guard = &guard;
        Some(Ok(hyper::body::Frame::data(vec![b'x'; 1000].into())))
    }));
    responder.respond(head(200, &[]), ResponseBody::Stream(Box::pin(body)));
    client.head().await;
    drop(client);
    assert_eq!(host.gone().await, ticket);
    assert!(within(was_dropped).await.is_err());
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_behind_tls_that_goes_is_told_as_gone() {
    let (config, connector) = sockets::tls();
    let mut host = Host::new(ServerOptions { tls: Some(config), ..ServerOptions::default() });
    for polite in [true, false] {
        let socket = tokio::net::TcpStream::connect(host.address).await.unwrap();
        let mut client = Client::new(within(connector.connect(sockets::name(), socket)).await.unwrap());
        client.send(get("/")).await;
        let (ticket, _, responder) = host.request().await;
        if polite {
            client.socket.shutdown().await.unwrap();
        }
        drop(client);
        assert_eq!(host.gone().await, ticket);
        drop(responder);
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_is_never_told_as_gone() {
    let mut host = Host::new(ServerOptions::default());
    for number in 0..50 {
        let mut client = host.client().await;
        client.send(get("/")).await;
        let (_, _, responder) = host.request().await;
        match number % 3 {
            0 => responder.respond(head(200, &[]), whole("x")),
            1 => responder.respond(head(200, &[]), stream(vec![Ok("x")])),
            _ => responder.respond(head(200, &[]), ResponseBody::Empty),
        }
        client.read(Expect::Body).await;
        client.socket.set_zero_linger().unwrap();
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_while_its_request_is_read_is_never_seen() {
    let host = Host::new(ServerOptions::default());
    for part in ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"] {
        let mut client = host.client().await;
        client.send(part).await;
        client.socket.set_zero_linger().unwrap();
    }
    while host.stats().accepted < 2 || host.stats().connections > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(host.seen(), 0);
    host.nothing_more().await;
}
