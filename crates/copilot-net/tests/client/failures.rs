//! Failures, and what each tells about the request; timeouts; calls that nobody waits for any more.

use std::{collections::HashMap, future::Future, sync::Arc, task::Context, time::Duration};

use copilot_net::client::{Call, CallError, Client, ClientOptions, Timeouts};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::Notify,
    time,
};

use super::support::{
    OPTIONS, PATIENCE, TIMEOUTS, client, error, fetch, pass, post, text,
    upstream::{Step::*, Upstream, answer, send},
};

#[tokio::test]
async fn r38_no_connection_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = error(client().request(post(&format!("http://{address}/"))).await);
    assert!(
        matches!(&error, CallError::ConnectFailed(why) if why.starts_with("cannot reach 127.0.0.1: ")),
        "{error}"
    );
    assert!(!error.sent());
}

#[tokio::test]
async fn r38_a_name_without_an_address_means_not_sent() {
    let error = error(client().request(post("http://nowhere.invalid/")).await);
    assert!(
        matches!(&error, CallError::ConnectFailed(why) if why.starts_with("cannot reach nowhere.invalid: ")),
        "{error}"
    );
}

#[tokio::test]
async fn r38_a_new_connection_that_dies_after_the_request_may_have_been_billed() {
    for last in [Finish, Reset] {
        let upstream = Upstream::one(vec![Request, last]).await;
        let error = error(client().request(post(&upstream.url("/"))).await);
        assert!(matches!(error, CallError::ConnectionLost(_)) && error.sent(), "{error}");
        assert_eq!(upstream.record.counts().connections, 1);
    }
}

#[tokio::test]
async fn r38_d_h13_a_used_connection_that_dies_without_a_word_was_closed_while_idle() {
    for last in [Finish, Reset] {
        let first = vec![Request, answer("ok"), Request, last];
        let upstream = Upstream::play([first, vec![Request, answer("ok"), UntilClosed]]).await;
        let client = client();
        fetch(&client, post(&upstream.url("/"))).await;
        let error = error(client.request(post(&upstream.url("/"))).await);
        assert_eq!(error, CallError::ConnectFailed("127.0.0.1 had closed the connection".to_owned()));
        assert!(!error.sent());
        assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "ok");
    }
}

#[tokio::test]
async fn r38_a_used_connection_that_began_to_answer_was_not_idle() {
    let upstream = Upstream::one(vec![Request, answer("ok"), Request, send("HTTP/1.1 2")]).await;
    let client = client();
    fetch(&client, post(&upstream.url("/"))).await;
    let error = error(client.request(post(&upstream.url("/"))).await);
    assert!(matches!(error, CallError::ConnectionLost(_)), "{error}");
}

#[tokio::test]
async fn r38_after_one_closed_connection_no_other_old_one_is_tried() {
    let old = || vec![Request, answer("ok"), Request, Reset];
    let upstream = Upstream::play([old(), old(), old(), vec![Request, answer("new"), UntilClosed]]).await;
    let client = client();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(client.request(post(&upstream.url("/"))).await.unwrap());
    }
    for answer in answers {
        text(answer).await.unwrap();
    }
    assert!(!error(client.request(post(&upstream.url("/"))).await).sent());
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "new");
}

#[tokio::test]
async fn r39_a_connection_that_was_closed_after_its_answer_is_not_used() {
    let upstream = Upstream::one(vec![Request, answer("ok")]).await;
    let client = client();
    for round in 1..=200 {
        // Twelve in a row by the requirement; the peer is not waited for.
        assert_eq!(fetch_once_more(&client, &upstream).await, "ok", "{round}");
    }
    let counts = upstream.record.counts();
    assert_eq!((counts.connections, counts.requests), (200, 200));
}

/// As the gateway does: once more where it is safe.
async fn fetch_once_more(client: &Client, upstream: &Upstream) -> String {
    match client.request(post(&upstream.url("/"))).await {
        Ok(answer) => text(answer).await.unwrap(),
        Err(error) => {
            assert!(!error.sent(), "{error}");
            fetch(client, post(&upstream.url("/"))).await
        }
    }
}

#[tokio::test]
async fn r39_a_close_that_has_arrived_costs_no_attempt() {
    let closing = vec![Request, answer("ok"), Finish, UntilClosed];
    let upstream = Upstream::one(closing).await;
    let client = client();
    for round in 1..=20 {
        assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "ok");
        // The end of the answer was written, then the end of the connection: nothing is left to come.
        upstream.record.until(|counts| counts.requests == round).await;
    }
    assert_eq!(upstream.record.counts().requests, 20);
}

#[tokio::test]
async fn r39_idle_connections_are_left_before_upstream_leaves_them() {
    let script = || vec![Request, answer("ok"), Request, answer("ok"), UntilClosed];
    let upstream = Upstream::play([script(), script()]).await;
    let client = client();
    fetch(&client, post(&upstream.url("/"))).await;
    pass(Duration::from_secs(19)).await;
    fetch(&client, post(&upstream.url("/"))).await;
    assert_eq!(upstream.record.counts().connections, 1);
    pass(Duration::from_secs(21)).await;
    fetch(&client, post(&upstream.url("/"))).await;
    assert_eq!(upstream.record.counts().connections, 2);
    // Nobody calls any more: they are closed all the same.
    pass(Duration::from_secs(21)).await;
    pass(Duration::from_secs(21)).await;
    upstream.record.until(|counts| counts.closed == 2).await;
    // And again, after there was nothing to close.
    fetch(&client, post(&upstream.url("/"))).await;
    pass(Duration::from_secs(21)).await;
    upstream.record.until(|counts| counts.closed == 3).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_closes_what_is_idle() {
    let upstream = Upstream::one(vec![Request, answer("ok"), UntilClosed]).await;
    let client = client();
    fetch(&client, post(&upstream.url("/"))).await;
    drop(client);
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn r30_an_answer_that_does_not_begin_in_time_ends_the_call() {
    let upstream = Upstream::one(vec![Request, send("HTTP/1.1 200 OK\r\nX:"), UntilClosed]).await;
    let client = client();
    let timeouts = Timeouts { first_byte: Duration::from_secs(300), ..TIMEOUTS };
    let call = Call { timeouts, ..post(&upstream.url("/")) };
    let calling = tokio::spawn(async move { client.request(call).await });
    upstream.record.until(|counts| counts.sent > 0).await;
    time::pause();
    let begin = time::Instant::now();
    let error = error(calling.await.unwrap());
    assert_eq!(error, CallError::FirstByteTimeout("127.0.0.1 sent no answer within 300 s".to_owned()));
    assert!(error.sent());
    assert!(begin.elapsed() <= Duration::from_secs(301));
    time::resume();
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn r30_a_long_wait_inside_the_limit_is_no_error() {
    let event = Arc::new(Notify::new());
    let upstream = Upstream::one(vec![Request, Wait(Arc::clone(&event)), answer("ok"), UntilClosed]).await;
    let timeouts = Timeouts { first_byte: Duration::from_secs(300), ..TIMEOUTS };
    let call = Call { timeouts, ..post(&upstream.url("/")) };
    let client = client();
    let calling = tokio::spawn(async move { fetch(&client, call).await });
    upstream.record.until(|counts| counts.requests == 1).await;
    pass(Duration::from_secs(299)).await;
    event.notify_one();
    assert_eq!(calling.await.unwrap(), "ok");
}

#[tokio::test]
async fn r30_the_wait_counts_from_the_last_byte_that_went_out() {
    // More than the line holds: sending stops until upstream reads on.
    const LARGE: usize = 64 << 20;
    let (read, reply) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script =
        vec![Head, Wait(Arc::clone(&read)), Read(LARGE), Wait(Arc::clone(&reply)), answer("ok"), UntilClosed];
    let upstream = Upstream::one(script).await;
    let timeouts = Timeouts { first_byte: Duration::from_secs(300), ..TIMEOUTS };
    let call = Call { timeouts, body: Some(vec![b'x'; LARGE].into()), ..post(&upstream.url("/")) };
    let client = client();
    let calling = tokio::spawn(async move { fetch(&client, call).await });
    for (requests, event) in [(1, read), (2, reply)] {
        upstream.record.until(|counts| counts.requests == requests).await;
        pass(Duration::from_secs(200)).await;
        event.notify_one();
    }
    assert_eq!(calling.await.unwrap(), "ok");
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(10), ..TIMEOUTS };
    let call = Call { timeouts, ..post(&format!("https://{}/", listener.local_addr().unwrap())) };
    let client = client();
    let calling = tokio::spawn(async move { client.request(call).await });
    let mut socket = silent_tls_peer(&listener).await;
    time::pause();
    let begin = time::Instant::now();
    let error = error(calling.await.unwrap());
    assert_eq!(error, CallError::ConnectTimeout("no connection to 127.0.0.1 within 10 s".to_owned()));
    assert!(!error.sent());
    assert!(begin.elapsed() <= Duration::from_secs(11));
    time::resume();
    assert_closed(&mut socket).await;
}

/// Takes a connection and its first words, and says nothing.
async fn silent_tls_peer(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), 22, "a handshake record");
    socket
}

async fn assert_closed(socket: &mut TcpStream) {
    let read = time::timeout(PATIENCE, socket.read_to_end(&mut Vec::new())).await;
    assert!(read.is_ok(), "it is still open");
}

#[tokio::test]
async fn no_free_place_in_time_is_no_connection_in_time() {
    let upstream =
        Upstream::one(vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), UntilClosed]).await;
    let client = Client::new(ClientOptions { max_connections: 1, ..OPTIONS }, HashMap::new());
    let held = client.request(post(&upstream.url("/"))).await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(10), ..TIMEOUTS };
    let call = Call { timeouts, ..post(&upstream.url("/")) };
    time::pause();
    let begin = time::Instant::now();
    let error = error(client.request(call).await);
    assert!(matches!(error, CallError::ConnectTimeout(_)), "{error}");
    assert!(begin.elapsed() <= Duration::from_secs(11));
    time::resume();
    drop(held);
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn r32_a_call_that_is_dropped_closes_its_connection_at_once() {
    // Before the answer, inside its header section, and before its body.
    for part in ["", "HTTP/1.1 200 OK\r\nX", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"] {
        let upstream = Upstream::one(vec![Request, send(part), UntilClosed]).await;
        let (client, call) = (client(), post(&upstream.url("/")));
        let calling = tokio::spawn(async move { client.request(call).await.map(|answer| drop(answer.body)) });
        upstream.record.until(|counts| counts.requests == 1 && counts.sent == part.len()).await;
        calling.abort();
        upstream.record.until(|counts| counts.closed == 1).await;
    }
}

#[tokio::test]
async fn r32_a_call_that_is_dropped_while_connecting_leaves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, call) = (client(), post(&format!("https://{}/", listener.local_addr().unwrap())));
    let calling = tokio::spawn(async move { client.request(call).await });
    let mut socket = silent_tls_peer(&listener).await;
    calling.abort();
    assert_closed(&mut socket).await;
}

#[tokio::test]
async fn a_thousand_dropped_calls_leave_no_place_taken() {
    let upstream = Upstream::one(vec![Request, UntilClosed]).await;
    let client = client();
    for _ in 0..1000 {
        let mut calling = Box::pin(client.request(post(&upstream.url("/"))));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(calling.as_mut().poll(&mut context).is_pending());
    }
    let upstream = Upstream::one(vec![Request, answer("ok"), UntilClosed]).await;
    let mut answers = Vec::new();
    for _ in 0..64 {
        answers.push(client.request(post(&upstream.url("/"))).await.unwrap());
    }
    for answer in answers {
        assert_eq!(text(answer).await.unwrap(), "ok");
    }
}
