//! Requests and answers on one connection: order, framing, and who ends it.

use bytes::Bytes;
use copilot_net::server::{ResponseBody, ServerOptions, channel};
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;

use super::support::{Event, Expect, Host, get, head, post, whole, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_serves_one_request_after_the_other() {
    let host = Host::echoing(ServerOptions::default());
    let mut client = host.client().await;
    for number in 0..10 {
        let answer = client.ask(post(&format!("/{number}"), "body")).await;
        assert_eq!((answer.status, answer.text()), (200, &*format!("POST /{number} body")));
        assert!(answer.field("date").is_some());
        assert!(answer.field("server").is_none() && answer.field("connection").is_none());
    }
    let stats = host.stats();
    assert_eq!((stats.accepted, stats.connections, stats.requests), (1, 1, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_are_handed_over_one_at_a_time_and_answered_in_order() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    let requests: String =
        (0..20).map(|number| post(&format!("/{number}"), &"x".repeat(number * 700))).collect();
    client.send(requests).await;
    for number in 0..20 {
        let (_, request, responder) = host.request().await;
        assert_eq!(request.head.uri.path(), format!("/{number}"));
        assert_eq!(request.body.len(), number * 700);
        assert_eq!(request.head.headers["content-length"], (number * 700).to_string());
        assert_eq!(host.seen(), number as u64 + 1, "the next one waits for this answer");
        if number % 2 == 0 {
            responder.respond(head(200, &[]), whole(number.to_string()));
        } else {
            let (sender, body) = channel(100);
            responder.respond(head(200, &[]), ResponseBody::Channel(body));
            sender.try_send(number.to_string().into()).unwrap();
            sender.finish();
        }
    }
    for number in 0..20 {
        assert_eq!(client.read(Expect::Body).await.text(), number.to_string());
    }
    drop(client);
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_that_are_cut_anywhere_are_the_same() {
    let host = Host::echoing(ServerOptions::default());
    let requests = post("/a", "one") + &get("/b") + &post("/c", "three");
    for cut in 1..requests.len() {
        let mut client = host.client().await;
        client.socket.set_nodelay(true).unwrap();
        client.send(&requests[..cut]).await;
        client.send(&requests[cut..]).await;
        for text in ["POST /a one", "GET /b ", "POST /c three"] {
            assert_eq!(client.read(Expect::Body).await.text(), text, "cut at {cut}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_for_the_end_gets_it() {
    let host = Host::echoing(ServerOptions::default());
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut client = host.client().await;
        client.send(format!("{request}{}", get("/more"))).await;
        assert_eq!(client.read(Expect::Body).await.text(), "GET / ");
        assert!(client.ends().await);
    }
    assert_eq!(host.seen(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_0_is_answered_in_its_terms() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let (_, _, responder) = host.request().await;
    responder.respond(head(200, &[]), whole("whole"));
    let answer = client.read(Expect::Body).await;
    assert_eq!((answer.text(), answer.field("connection")), ("whole", Some("keep-alive")));
    // A body of unknown length ends with the connection.
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let (_, _, responder) = host.request().await;
    let (sender, body) = channel(100);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("a".into()).unwrap();
    sender.try_send("b".into()).unwrap();
    sender.finish();
    let answer = client.read(Expect::Body).await;
    assert_eq!((answer.text(), answer.field("transfer-encoding")), ("ab", None));
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_gets_the_length_and_no_body() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    let mut answers = vec![];
    for number in 0..4 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (_, _, responder) = host.request().await;
        match number {
            0 => responder.respond(head(200, &[]), whole("four")),
            1 => responder.respond(head(200, &[("content-length", "7")]), ResponseBody::Empty),
            2 => {
                let (sender, body) = channel(1);
                responder.respond(head(200, &[("content-length", "9")]), ResponseBody::Channel(body));
                answers.push(client.read(Expect::Nothing).await);
                // The application need not know about HEAD.
                assert!(!sender.is_gone());
                sender.try_send("123456".into()).unwrap();
                sender.try_send("789".into()).unwrap();
                sender.finish();
                continue;
            }
            _ => responder.respond(head(200, &[]), stream(vec![Ok("x")])),
        }
        answers.push(client.read(Expect::Nothing).await);
    }
    let lengths: Vec<_> = answers.iter().map(|answer| answer.field("content-length")).collect();
    assert_eq!(lengths, [Some("4"), Some("7"), Some("9"), None]);
    drop(client);
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_without_a_body_have_none() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    for (status, body) in
        [(204, whole("x")), (304, whole("x")), (204, ResponseBody::Empty), (304, stream(vec![Ok("x")]))]
    {
        client.send(get("/")).await;
        let (_, _, responder) = host.request().await;
        responder.respond(head(status, &[("content-length", "1")]), body);
        let answer = client.read(Expect::Body).await;
        assert_eq!(answer.status, status);
        assert!(answer.field("content-length").is_none() && answer.field("transfer-encoding").is_none());
    }
    client.send(get("/")).await;
    let (_, _, responder) = host.request().await;
    responder.respond(head(200, &[]), ResponseBody::Empty);
    assert_eq!(client.read(Expect::Body).await.field("content-length"), Some("0"));
    drop(client);
    host.nothing_more().await;
}

/// A body that hyper polls.
pub(crate) fn stream(frames: Vec<Result<&'static str, &'static str>>) -> ResponseBody {
    let frames = frames.into_iter().map(|frame| {
        frame.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))).map_err(std::io::Error::other)
    });
    let mut frames = frames.collect::<std::collections::VecDeque<_>>();
    ResponseBody::Stream(Box::pin(Polled(Box::new(move || frames.pop_front()))))
}

pub(crate) struct Polled(pub(crate) Box<dyn FnMut() -> Option<std::io::Result<Frame<Bytes>>> + Send>);

impl hyper::body::Body for Polled {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<std::io::Result<Frame<Bytes>>>> {
        std::task::Poll::Ready((self.0)())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_channels_are_chunked_unless_their_length_is_told() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    let sized = Full::new(Bytes::from_static(b"sized")).map_err(|never| match never {});
    for (fields, body, chunked) in [
        (vec![], stream(vec![Ok("si"), Ok(""), Ok("zed")]), true),
        (vec![("content-length", "5")], stream(vec![Ok("si"), Ok("zed")]), false),
        (vec![("content-length", "5")], stream(vec![Ok("size"), Ok("d and more"), Err("unseen")]), false),
        (vec![], ResponseBody::Stream(Box::pin(sized.clone())), false),
        (vec![("content-length", "5")], ResponseBody::Stream(Box::pin(sized)), false),
        (vec![("transfer-encoding", "gzip, chunked")], stream(vec![Ok("sized")]), true),
        (vec![("transfer-encoding", "chunked"), ("content-length", "99")], whole("sized"), false),
    ] {
        client.send(get("/")).await;
        let (_, _, responder) = host.request().await;
        responder.respond(head(200, &fields), body);
        let answer = client.read(Expect::Body).await;
        assert_eq!(answer.text(), "sized");
        assert_eq!(answer.field("transfer-encoding"), chunked.then_some("chunked"));
        assert_eq!(answer.field("content-length"), (!chunked).then_some("5"));
    }
    drop(client);
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    let mut host = Host::new(ServerOptions::default());
    let panics = || ResponseBody::Stream(Box::pin(Polled(Box::new(|| panic!("a panic of the test")))));
    for body in [stream(vec![Ok("some"), Err("broken")]), stream(vec![Err("broken")]), panics()] {
        let mut client = host.client().await;
        client.send(get("/")).await;
        let (_, _, responder) = host.request().await;
        responder.respond(head(200, &[]), body);
        let came = String::from_utf8(client.rest().await).unwrap();
        assert!(!came.contains("\r\n0\r\n"), "{came:?}");
    }
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (_, _, responder) = host.request().await;
    responder.respond(head(200, &[("content-length", "9")]), stream(vec![Ok("short")]));
    // What came ends before the nine bytes do.
    let came = String::from_utf8(client.rest().await).unwrap();
    assert!(came.split_once("\r\n\r\n").is_none_or(|(_, body)| "short".starts_with(body)), "{came:?}");
    let (sender, body) = channel(10);
    let mut client = host.client().await;
    client.send(get("/")).await;
    let (_, _, responder) = host.request().await;
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("some".into()).unwrap();
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.unwrap(), b"some");
    sender.abort();
    assert!(client.ends().await);
    assert_eq!(host.stats().broken, 5);
    // The service broke them off: it is not told that the client went.
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r55_a_request_that_is_not_answered_gets_500_and_its_connection_lives() {
    let host = Host::scripted(ServerOptions::default(), |request, responder| match request.head.uri.path() {
        "/drop" | "/v1/messages" => drop(responder),
        "/panic" => panic!("a panic of the test"),
        "/101" => responder.respond(head(101, &[]), ResponseBody::Empty),
        "/lengths" => responder
            .respond(head(200, &[("content-length", "1"), ("content-length", "2")]), stream(vec![Ok("x")])),
        "/length" => responder.respond(head(200, &[("content-length", "+1")]), stream(vec![Ok("x")])),
        _ => responder.respond(head(200, &[]), whole("fine")),
    });
    let mut client = host.client().await;
    for path in ["/drop", "/panic", "/101", "/lengths", "/length"] {
        let answer = client.ask(get(path)).await;
        assert_eq!((answer.status, answer.closes()), (500, false), "{path}");
        assert!(answer.openai_error().contains("internal error"));
        assert_eq!(client.ask(get("/")).await.text(), "fine");
    }
    let answer = client.ask(get("/v1/messages")).await;
    let text = r#"{"type":"error","error":{"type":"api_error","message":"The request was not answered because of an internal error."}}"#;
    assert_eq!((answer.status, answer.text()), (500, text));
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_waits_for_100_is_asked_for() {
    let host = Host::echoing(ServerOptions::default());
    let mut client = host.client().await;
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n").await;
        assert_eq!(client.read(Expect::Nothing).await.status, 100);
        client.send("body").await;
        assert_eq!(client.read(Expect::Body).await.text(), "POST / body");
    }
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-Continue\r\n\r\nbody").await;
    let answer = client.read(Expect::Body).await;
    let answer = if answer.status == 100 { client.read(Expect::Body).await } else { answer };
    assert_eq!(answer.text(), "POST / body");
    // A body that is too large is not asked for.
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.read(Expect::Body).await.status, 413);
    assert!(client.ends().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_answer_is_whole_though_the_client_offered_an_upgrade_and_reads_late() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: close\r\n\r\n").await;
    let (_, _, responder) = host.request().await;
    let (sender, body) = channel(16 * 1024 * 1024);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    let chunk = Bytes::from(vec![b'x'; 4096]);
    // More than the system buffers, all of it before the client reads.
    for _ in 0..3000 {
        sender.try_send(chunk.clone()).unwrap();
    }
    sender.finish();
    assert_eq!(client.read(Expect::Body).await.body.len(), 3000 * 4096);
    assert!(client.ends().await);
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_be_given_from_any_thread_and_after_the_request_returned() {
    let mut host = Host::new(ServerOptions::default());
    let mut client = host.client().await;
    client.send(get("/")).await;
    let Some(Event::Request(_, _, responder)) = within(host.events.recv()).await else {
        panic!("no request")
    };
    assert!(!responder.is_gone());
    std::thread::spawn(move || responder.respond(head(201, &[("x-a", "1"), ("x-b", "2")]), whole("x")))
        .join()
        .unwrap();
    let answer = client.read(Expect::Body).await;
    assert_eq!((answer.status, answer.field("x-a"), answer.field("x-b")), (201, Some("1"), Some("2")));
}
