//! HTTP/2, by prior knowledge and behind TLS.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use copilot_net::server::{ResponseBody, ServerOptions, channel};
use h2::{RecvStream, client::SendRequest};
use http::{Request, Response, StatusCode, Version};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::{
    sockets,
    support::{Expect, Host, get, head, whole, within},
};

fn h2c() -> ServerOptions {
    ServerOptions { h2c: true, ..ServerOptions::default() }
}

async fn handshake(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> (SendRequest<Bytes>, JoinHandle<()>) {
    let (sender, connection) = within(h2::client::handshake(socket)).await.unwrap();
    let driver = tokio::spawn(async move { drop(connection.await) });
    (within(sender.ready()).await.unwrap(), driver)
}

async fn connect(host: &Host) -> (SendRequest<Bytes>, JoinHandle<()>) {
    handshake(TcpStream::connect(host.address).await.unwrap()).await
}

fn request(method: &str, uri: &str) -> Request<()> {
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

async fn text(body: &mut RecvStream) -> Result<String, h2::Error> {
    let mut all = vec![];
    while let Some(chunk) = within(body.data()).await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        all.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(all).unwrap())
}

async fn answer(response: h2::client::ResponseFuture) -> (Response<()>, String) {
    let (head, mut body) = within(response).await.unwrap().into_parts();
    let text = text(&mut body).await.unwrap();
    (Response::from_parts(head, ()), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_served_side_by_side() {
    let mut host = Host::new(h2c());
    let (mut client, _driver) = connect(&host).await;
    let mut responses = vec![];
    for number in 0..5 {
        let target = format!("http://localhost:4141/{number}?q");
        let (response, mut body) = client.send_request(request("POST", &target), false).unwrap();
        body.send_data(format!("body {number}").into(), true).unwrap();
        responses.push(response);
    }
    let mut responders = vec![];
    for _ in 0..5 {
        let (_, request, responder) = host.request().await;
        assert_eq!(request.head.version, Version::HTTP_2);
        assert_eq!(request.head.headers.get("host").unwrap(), "localhost:4141");
        assert_eq!(request.head.uri.query(), Some("q"));
        responders.push((request, responder));
    }
    for (request, responder) in responders.into_iter().rev() {
        let text = [request.head.uri.path().as_bytes(), b" ", &request.body].concat();
        responder.respond(head(200, &[("connection", "close"), ("x-a", "b")]), whole(text));
    }
    for (number, response) in responses.into_iter().enumerate() {
        let (head, text) = answer(response).await;
        assert_eq!(text, format!("/{number} body {number}"));
        assert_eq!(head.headers()["x-a"], "b");
        assert_eq!(head.headers()["content-length"], text.len().to_string());
        assert!(head.headers().get("connection").is_none() && head.headers().get("date").is_some());
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_serves_http_2_to_who_asks_for_it() {
    let (config, mut client) = sockets::configs();
    let mut host = Host::new(ServerOptions { tls: Some(config), ..ServerOptions::default() });
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let socket = TcpStream::connect(host.address).await.unwrap();
    let socket = within(TlsConnector::from(Arc::new(client)).connect(sockets::name(), socket)).await.unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, _driver) = handshake(socket).await;
    let (response, _) = client.send_request(request("GET", "https://localhost/x"), true).unwrap();
    let (_, request, responder) = host.request().await;
    assert!(request.connection.tls);
    responder.respond(head(200, &[]), whole("over tls"));
    assert_eq!(answer(response).await.1, "over tls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_is_served_beside_http_2() {
    let host = Host::echoing(h2c());
    let mut client = host.client().await;
    client.socket.set_nodelay(true).unwrap();
    // Both begin alike.
    for byte in "PRI /x HTTP/1.1\r\nHost: a\r\n\r\n".bytes() {
        client.send([byte]).await;
    }
    assert_eq!(client.read(Expect::Body).await.text(), "PRI /x ");
    assert_eq!(client.ask(get("/")).await.text(), "GET / ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_h2c_its_preface_is_refused() {
    let host = Host::echoing(ServerOptions::default());
    let mut client = host.client().await;
    assert_eq!(client.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_and_statuses_without_a_body_have_none() {
    let mut host = Host::new(h2c());
    let (mut client, _driver) = connect(&host).await;
    for (method, status, length) in [("HEAD", 200, Some("4")), ("GET", 204, None), ("HEAD", 404, Some("4"))] {
        let (response, _) = client.send_request(request(method, "http://localhost/"), true).unwrap();
        let (_, _, responder) = host.request().await;
        responder.respond(head(status, &[]), whole("four"));
        let (head, text) = answer(response).await;
        assert_eq!((head.status().as_u16(), &*text), (status, ""));
        assert_eq!(head.headers().get("content-length").map(|length| length.to_str().unwrap()), length);
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_what_is_too_large_or_has_no_host_is_refused_alone() {
    let host = Host::echoing(ServerOptions { body_limit: 10, ..h2c() });
    let (mut client, _driver) = connect(&host).await;
    let refused = |mut request: Request<()>, field: Option<(&'static str, &'static str)>| {
        if let Some((name, value)) = field {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    };
    let many = {
        let mut request = request("GET", "http://localhost/");
        for number in 0..101 {
            let name: http::HeaderName = format!("x-{number}").parse().unwrap();
            request.headers_mut().insert(name, "y".parse().unwrap());
        }
        request
    };
    let long = request("GET", &format!("http://localhost/{}", "y".repeat(8192)));
    for (request, status) in [
        (refused(request("POST", "http://localhost/"), Some(("content-length", "11"))), 413),
        (refused(request("GET", "http://localhost/"), Some(("host", "evil.example"))), 400),
        (refused(request("CONNECT", "localhost:80"), None), 405),
        (many, 431),
        (long, 414),
    ] {
        let is_post = request.method() == "POST";
        let (response, _body) = client.send_request(request, !is_post).unwrap();
        let (head, text) = answer(response).await;
        assert_eq!(head.status().as_u16(), status);
        assert!(text.starts_with(r#"{"error":{"message":""#), "{text}");
    }
    let (response, mut body) =
        client.send_request(request("POST", "http://localhost/v1/messages"), false).unwrap();
    body.send_data(Bytes::from_static(b"12345678901"), false).unwrap();
    let (head, text) = answer(response).await;
    assert_eq!(head.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text.contains("request_too_large"));
    assert_eq!(host.seen(), 0);
    // The connection lives.
    let (response, _) = client.send_request(request("GET", "http://localhost/fine"), true).unwrap();
    assert_eq!(answer(response).await.1, "GET http://localhost/fine ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_reset_is_told_as_gone_and_the_others_go_on() {
    let mut host = Host::new(h2c());
    let (mut client, _driver) = connect(&host).await;
    let (other, _) = client.send_request(request("GET", "http://localhost/other"), true).unwrap();
    let (_, _, others) = host.request().await;
    // While it waits.
    let (response, mut stream) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
    let (ticket, _, responder) = host.request().await;
    stream.send_reset(h2::Reason::CANCEL);
    assert_eq!(host.gone().await, ticket);
    assert!(responder.is_gone());
    drop(response);
    // In a silent stream.
    let (response, mut stream) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
    let (ticket, _, responder) = host.request().await;
    let (sender, body) = channel(100);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("first".into()).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), "first");
    stream.send_reset(h2::Reason::CANCEL);
    assert_eq!(host.gone().await, ticket);
    assert!(sender.is_gone());
    others.respond(head(200, &[]), whole("other"));
    assert_eq!(answer(other).await.1, "other");
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_takes_all_its_streams_along() {
    let mut host = Host::new(h2c());
    let (mut client, driver) = connect(&host).await;
    let mut tickets = vec![];
    let mut kept = vec![];
    for _ in 0..3 {
        kept.push(client.send_request(request("GET", "http://localhost/"), true).unwrap());
        let (ticket, request, responder) = host.request().await;
        tickets.push(ticket);
        drop(request);
        // The answer is held back until the end.
        std::mem::forget(responder);
    }
    driver.abort();
    let mut gone = vec![];
    for _ in 0..3 {
        gone.push(host.gone().await);
    }
    gone.sort_unstable();
    assert_eq!(gone, tickets);
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_resets_its_stream_alone() {
    let mut host = Host::new(h2c());
    let (mut client, _driver) = connect(&host).await;
    let (response, _) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
    let (_, _, responder) = host.request().await;
    let (sender, body) = channel(100);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    sender.try_send("some".into()).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), "some");
    sender.abort();
    assert!(within(body.data()).await.unwrap().unwrap_err().is_reset());
    let (response, _) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
    let (_, _, responder) = host.request().await;
    responder.respond(head(200, &[]), whole("fine"));
    assert_eq!(answer(response).await.1, "fine");
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_drain_lets_streams_finish() {
    let mut host = Host::new(h2c());
    let (mut client, driver) = connect(&host).await;
    let (response, _) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
    let (_, _, responder) = host.request().await;
    host.server.stop_accepting();
    responder.respond(head(200, &[]), whole("late"));
    assert_eq!(answer(response).await.1, "late");
    within(driver).await.unwrap();
    within(host.server.drained()).await;
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_an_idle_connection_ends() {
    let mut host = Host::new(ServerOptions { keep_alive: Duration::from_millis(100), ..h2c() });
    for is_reset in [false, true] {
        let (mut client, driver) = connect(&host).await;
        let (response, mut stream) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
        let (ticket, _, responder) = host.request().await;
        // It is not idle while the request waits, however long: connections that are tell that time passes.
        for _ in 0..3 {
            within(connect(&host).await.1).await.unwrap();
        }
        if is_reset {
            stream.send_reset(h2::Reason::CANCEL);
            assert_eq!(host.gone().await, ticket);
        } else {
            responder.respond(head(200, &[]), whole("x"));
            answer(response).await;
        }
        within(driver).await.unwrap();
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_stream_whose_reader_stands_still_is_cut_and_the_others_go_on() {
    let mut host = Host::new(ServerOptions { write_stall: Duration::from_millis(200), ..h2c() });
    let (mut client, _driver) = connect(&host).await;
    let (waiting, _) = client.send_request(request("GET", "http://localhost/waiting"), true).unwrap();
    let (_, _, waits) = host.request().await;
    let (response, _) = client.send_request(request("GET", "http://localhost/"), true).unwrap();
    let (ticket, _, responder) = host.request().await;
    let (sender, body) = channel(1 << 20);
    responder.respond(head(200, &[]), ResponseBody::Channel(body));
    // The client's window for a stream has 64 KiB, and it does not open it again.
    for _ in 0..16 {
        sender.try_send(vec![b'x'; 32 * 1024].into()).unwrap();
    }
    let mut body = within(response).await.unwrap().into_body();
    assert_eq!(host.gone().await, ticket);
    assert!(sender.is_gone());
    // What had come holds the connection's window.
    assert!(text(&mut body).await.unwrap_err().is_reset());
    waits.respond(head(200, &[]), whole("fine"));
    assert_eq!(answer(waiting).await.1, "fine");
    host.nothing_more().await;
}
