//! R-14, R-16: what is larger than it may be is refused before it costs anything.

use copilot_net::server::ServerOptions;

use super::support::{Expect, Host, get, post};

fn small() -> ServerOptions {
    ServerOptions { body_limit: 1000, ..ServerOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_an_announced_body_over_the_limit_is_refused_at_once() {
    let host = Host::echoing(small());
    for (length, path) in [("1001", "/v1/chat/completions"), ("10737418240", "/v1/messages")] {
        let mut client = host.client().await;
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).await;
        let answer = client.read(Expect::Body).await;
        assert_eq!((answer.status, answer.closes()), (413, true));
        let text = "The body of the request is larger than 1000 bytes.";
        if path == "/v1/messages" {
            let body =
                format!(r#"{{"type":"error","error":{{"type":"request_too_large","message":"{text}"}}}}"#);
            assert_eq!(answer.text(), body);
        } else {
            assert_eq!(answer.openai_error(), text);
        }
        assert!(client.ends().await);
    }
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_the_answer_reaches_a_client_that_sends_its_body_nevertheless() {
    let host = Host::echoing(small());
    let mut client = host.client().await;
    let body = "x".repeat(3_000_000);
    client.send(post("/", "").replace("Length: 0", "Length: 3000000")).await;
    client.try_send(body).await;
    assert_eq!(client.read(Expect::Body).await.status, 413);
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_an_endless_chunked_body_is_refused_soon_after_the_limit() {
    let host = Host::echoing(small());
    let mut client = host.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    client.send(chunk.repeat(10)).await;
    client.send("1\r\nx\r\n").await;
    let answer = client.read(Expect::Body).await;
    assert_eq!((answer.status, answer.closes()), (413, true));
    assert!(client.ends().await);
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_a_body_of_the_limit_passes() {
    let host = Host::echoing(small());
    let mut client = host.client().await;
    let body = "x".repeat(1000);
    assert_eq!(client.ask(post("/", &body)).await.text(), format!("POST / {body}"));
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(10)
    );
    assert_eq!(client.ask(request).await.text(), format!("POST / {body}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_a_20_mib_body_passes_unshortened() {
    let mut host = Host::new(ServerOptions::default());
    let mut body = vec![0u8; 20 * 1024 * 1024];
    for (index, byte) in body.iter_mut().enumerate() {
        *byte = u8::try_from(index % 251).unwrap();
    }
    let mut client = host.client().await;
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    client.send(&body).await;
    let (_, request, _) = host.request().await;
    assert!(request.body == body);
    assert_eq!(request.head.headers["content-length"], body.len().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_a_header_section_over_the_limit_is_refused() {
    let host = Host::echoing(ServerOptions::default());
    let long = |size: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(size - 32));
    let many = |count: usize| format!("GET / HTTP/1.1\r\n{}Host: a\r\n\r\n", "X: y\r\n".repeat(count - 1));
    let target = |size: usize| get(&format!("/{}", "y".repeat(size - 1)));
    for (request, status) in [
        (long(64 * 1024), 200),
        (long(64 * 1024 + 1), 431),
        (long(2_000_000), 431),
        (many(100), 200),
        (many(101), 431),
        (target(8192), 200),
        (target(8193), 414),
        (target(1_000_000), 431),
    ] {
        let mut client = host.client().await;
        client.try_send(&request).await;
        let answer = client.read(Expect::Body).await;
        assert_eq!(answer.status, status, "{} bytes", request.len());
        if status != 200 {
            answer.openai_error();
            assert!(answer.closes() && client.ends().await);
        }
    }
    assert_eq!(host.seen(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_errors_of_the_head_speak_the_dialect_of_the_path_and_not_to_head() {
    let host = Host::echoing(ServerOptions::default());
    let mut client = host.client().await;
    let answer = client.ask("POST /v1/messages?x HTTP/1.1\r\n\r\n").await;
    let text =
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"The Host field is missing."}}"#;
    assert_eq!((answer.status, answer.text()), (400, text));
    let mut client = host.client().await;
    let answer = client.ask("POST /v1/messages HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n").await;
    assert!(answer.status == 400 && answer.text().starts_with(r#"{"type":"error","#));
    let mut client = host.client().await;
    client.send("HEAD / HTTP/1.1\r\n\r\n").await;
    let answer = client.read(Expect::Nothing).await;
    assert_eq!(answer.status, 400);
    assert!(answer.field("content-length") != Some("0") && client.ends().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_connections_beyond_the_limit_are_told_to_come_again() {
    let host = Host::echoing(ServerOptions { max_connections: 3, ..ServerOptions::default() });
    let mut clients = vec![];
    for _ in 0..3 {
        let mut client = host.client().await;
        assert_eq!(client.ask(get("/")).await.status, 200);
        clients.push(client);
    }
    for path in ["/v1/models", "/v1/messages"] {
        let mut client = host.client().await;
        let answer = client.ask(post(path, "{}")).await;
        assert_eq!((answer.status, answer.field("retry-after"), answer.closes()), (503, Some("1"), true));
        assert_eq!(answer.text().contains("overloaded_error"), path == "/v1/messages");
        assert!(client.ends().await);
    }
    assert_eq!(host.seen(), 3);
    // Those that were there do not notice, and one that leaves makes room.
    assert_eq!(clients[0].ask(get("/")).await.status, 200);
    drop(clients.pop());
    loop {
        let mut client = host.client().await;
        if client.ask(get("/")).await.status == 200 {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_when_even_the_places_to_refuse_are_taken_clients_wait() {
    let host = Host::echoing(ServerOptions { max_connections: 1, ..ServerOptions::default() });
    let mut first = host.client().await;
    assert_eq!(first.ask(get("/")).await.status, 200);
    // 64 that are to be refused do not even ask; the listener has one more place.
    let mut idle = vec![];
    for _ in 0..64 {
        idle.push(host.client().await);
    }
    let mut waiting = vec![];
    for _ in 0..10 {
        let mut client = host.client().await;
        client.send(get("/")).await;
        waiting.push(client);
    }
    assert_eq!(first.ask(get("/")).await.status, 200);
    assert!(host.stats().connections <= 66);
    drop(idle);
    for mut client in waiting {
        assert_eq!(client.read(Expect::Body).await.status, 503);
    }
}
