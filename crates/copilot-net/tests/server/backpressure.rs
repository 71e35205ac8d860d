//! What the client does not take is not asked for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use copilot_net::server::{ResponseBody, ServerOptions, TrySendError, channel};
use hyper::body::Frame;
use tokio::io::AsyncReadExt;

use super::{
    conversation::Polled,
    support::{Host, get, head, within},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_fills_the_channel_and_one_that_goes_on_empties_it() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (_, _, responder) = host.request().await;
    let (sender, body) = channel(64 * 1024);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    let chunk = Bytes::from(vec![b'x'; 16 * 1024]);
    let mut sent = 0;
    // The system takes what fits into its buffers; then room is a matter of the reader alone.
    loop {
        match sender.try_send(chunk.clone()) {
            Ok(()) => sent += chunk.len(),
            Err(TrySendError::Full(back)) => {
                assert_eq!(back, chunk);
                let room = std::future::poll_fn(|cx| sender.poll_room(cx));
                if tokio::time::timeout(std::time::Duration::from_millis(300), room).await.is_err() {
                    break;
                }
            }
            Err(TrySendError::Gone) => panic!("gone"),
        }
        assert!(sent < 64 << 20, "nothing holds the sender back");
    }
    let mut came = 0;
    let mut buffer = vec![0; 64 * 1024];
    let reading = async {
        while came < sent {
            came += client.socket.read(&mut buffer).await.unwrap();
        }
    };
    within(reading).await;
    within(std::future::poll_fn(|cx| sender.poll_room(cx))).await.unwrap();
    sender.try_send(chunk).unwrap();
    sender.finish();
    let rest = client.rest();
    host.server.stop_accepting();
    assert!(within(rest).await.ends_with(b"\r\n0\r\n\r\n"));
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_not_polled_while_its_reader_stands_still() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (_, _, responder) = host.request().await;
    let polled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&polled);
    let frames = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Some(Ok(Frame::data(Bytes::from(vec![b'x'; 1024]))))
    };
    responder.respond(head(200, &[]), ResponseBody::Stream(Box::pin(Polled(Box::new(frames)))));
    client.head().await;
    // The server is idle when a request on another connection is all that runs for a while.
    let mut before = 0;
    loop {
        for _ in 0..200 {
            let mut other = host.client().await;
            other.send("GET / HTTP/1.1\r\n\r\n").await;
            other.head().await;
        }
        let now = polled.load(Ordering::SeqCst);
        assert!(now < 64 * 1024, "nothing holds the stream back");
        if now == before {
            break;
        }
        before = now;
    }
    // Going on, it is polled again.
    let mut buffer = vec![0; 1 << 20];
    while polled.load(Ordering::SeqCst) == before {
        within(client.socket.read(&mut buffer)).await.unwrap();
    }
}
