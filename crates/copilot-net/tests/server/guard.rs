//! R-02 to R-05: who may ask is judged before the service hears of it.

use std::sync::Arc;

use copilot_net::server::{Guard, Listener, ServerOptions};
use tokio::net::TcpStream;

use super::{
    sockets,
    support::{Client, Expect, Host, echo, get, post, within},
};

fn guarded(guard: Guard) -> ServerOptions {
    ServerOptions { guard: Some(Arc::new(guard)), ..ServerOptions::default() }
}

fn asked(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\n{fields}\r\n\r\n")
}

/// Fields, the status they get, and how the reason begins.
const REFUSED: [(&str, u16, &str); 6] = [
    ("Host: evil.example", 421, "the name in the Host header"),
    ("Host: localhost:1", 421, "the name in the Host header"),
    ("Host:", 400, "one Host header"),
    ("Host: localhost\r\nOrigin: https://evil.example", 403, "web pages of this origin"),
    ("Host: localhost\r\nOrigin: null", 403, "web pages of this origin"),
    ("Host: localhost\r\nSec-Fetch-Site: cross-site", 403, "requests made by other web pages"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r02_r04_who_is_refused_is_told_why_and_the_service_is_not() {
    let host = Host::echoing(guarded(Guard::default()));
    for (fields, status, reason) in REFUSED {
        for method in ["GET", "POST", "OPTIONS"] {
            let mut client = host.client().await;
            let answer = client.ask(asked(method, "/v1/chat/completions", fields)).await;
            assert_eq!((answer.status, answer.closes()), (status, true), "{fields}");
            assert!(answer.openai_error().starts_with(reason), "{}", answer.text());
            assert!(client.ends().await);
        }
    }
    let stats = host.stats();
    assert_eq!((host.seen(), stats.requests, stats.refused), (0, 0, 18));
    assert_eq!((stats.foreign_hosts, stats.foreign_origins, stats.foreign_users), (9, 9, 0));
    let mut client = host.client().await;
    assert_eq!(client.ask(get("/a")).await.text(), "GET /a ");
    assert_eq!(client.ask(post("/b", "x")).await.text(), "POST /b x");
    assert_eq!(host.stats().owners_asked, 0, "nobody wants to know");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r04_a_request_is_refused_before_its_body_is_there() {
    let host = Host::echoing(guarded(Guard::default()));
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked", "Content-Length: 99999999999"] {
        let mut client = host.client().await;
        let fields = format!("Host: localhost\r\nOrigin: null\r\n{framing}");
        let answer = client.ask(asked("POST", "/v1/messages", &fields)).await;
        assert_eq!((answer.status, answer.closes()), (403, true), "{framing}");
        assert_eq!(
            answer.text(),
            r#"{"type":"error","error":{"type":"permission_error","message":"web pages of this origin may not call the gateway; allow it with --cors-origin"}}"#
        );
    }
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_nothing_behind_a_refused_request_is_served() {
    let host = Host::echoing(guarded(Guard::default()));
    let hidden = get("/hidden");
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (fields, status, _) in REFUSED {
        for request in [
            asked("GET", "/", fields),
            asked("POST", "/", &format!("{fields}\r\nContent-Length: {}", hidden.len())),
            asked("POST", "/", &format!("{fields}\r\nTransfer-Encoding: chunked")) + &chunk,
        ] {
            let mut client = host.client().await;
            client.send(format!("{request}{hidden}{hidden}")).await;
            let came = String::from_utf8(client.rest().await).unwrap();
            assert!(came.starts_with(&format!("HTTP/1.1 {status} ")), "{came}");
            assert_eq!(came.matches("HTTP/1.1 ").count(), 1, "{came}");
        }
    }
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r02_refusals_speak_the_dialect_of_the_path_and_not_to_head() {
    let host = Host::echoing(guarded(Guard::default()));
    let message = "the name in the Host header is not one of this gateway; allow it with --public-host";
    let openai = format!(
        r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":null,"code":"bad_host"}}}}"#
    );
    let messages =
        format!(r#"{{"type":"error","error":{{"type":"invalid_request_error","message":"{message}"}}}}"#);
    let gemini = format!(r#"{{"error":{{"code":421,"message":"{message}","status":"INVALID_ARGUMENT"}}}}"#);
    let ollama = format!(r#"{{"error":"{message}"}}"#);
    for (target, text) in [
        ("/", &openai),
        ("/v1/models/a", &openai),
        ("/api", &openai),
        ("/v1/models/a/b:countTokens", &openai),
        ("/v1/models/:countTokens", &openai),
        ("/v1/models/a:count", &openai),
        ("/v1/messages", &messages),
        ("/v1/%6Dessages/count_tokens?x=/api/", &messages),
        ("/v1beta/models", &gemini),
        ("/v1alpha/x", &gemini),
        ("/v1/models/a:b:streamGenerateContent?alt=sse", &gemini),
        ("/api/chat", &ollama),
    ] {
        let request = |method| asked(method, target, "Host: evil.example");
        assert_eq!(host.client().await.ask(request("GET")).await.text(), text, "{target}");
        let mut client = host.client().await;
        client.send(request("HEAD")).await;
        let answer = client.read(Expect::Nothing).await;
        assert_eq!(answer.field("content-length"), Some(text.len().to_string().as_str()));
        assert!(client.ends().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r02_holds_behind_tls_and_for_an_absolute_target() {
    let (config, connector) = sockets::tls();
    let host = Host::echoing(ServerOptions { tls: Some(config), ..guarded(Guard::default()) });
    for (request, status) in [
        (asked("GET", "/", "Host: evil.example"), 421),
        (asked("GET", "http://evil.example/", "Host: evil.example"), 421),
        (asked("GET", "http://evil.example/", "Host: localhost"), 400),
        (asked("GET", "http://localhost/", "Host: localhost"), 200),
        (asked("OPTIONS", "*", "Host: evil.example"), 421),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 400),
    ] {
        let socket = TcpStream::connect(host.address).await.unwrap();
        let mut client = Client::new(within(connector.connect(sockets::name(), socket)).await.unwrap());
        assert_eq!(client.ask(&request).await.status, status, "{request}");
    }
    assert_eq!(host.seen(), 1);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_the_owner_of_a_connection_is_asked_for_once_and_never_before_a_request() {
    let host = Host::echoing(guarded(Guard { same_user: true, ..Guard::default() }));
    let mut idle = vec![];
    for _ in 0..1000 {
        idle.push(host.client().await);
    }
    let mut client = host.client().await;
    for _ in 0..100 {
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
    assert_eq!(host.stats().owners_asked, 1);
    assert_eq!(idle[0].ask(get("/")).await.status, 200);
    assert_eq!((host.stats().owners_asked, host.stats().foreign_users), (2, 0));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_the_mode_of_a_unix_socket_says_who_may_use_it() {
    let path = std::env::temp_dir().join(format!("copilot-net-guard-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let options = guarded(Guard { same_user: true, ..Guard::default() });
    let host = Host::with(vec![Listener::Unix(listener)], options, Some(Box::new(echo)));
    let mut client = Client::new(tokio::net::UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.ask(get("/unix")).await.text(), "GET /unix ");
    assert_eq!(client.ask(asked("GET", "/", "Host: evil.example")).await.status, 421);
    assert_eq!(host.stats().owners_asked, 0);
    std::fs::remove_file(&path).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_a_later_guard_may_want_to_know_whose_connections_are() {
    let curious = Some(Arc::new(Guard { same_user: true, ..Guard::default() }));
    let host = Host::echoing(guarded(Guard::default()));
    let mut client = host.client().await;
    assert_eq!(client.ask(get("/")).await.status, 200);
    assert_eq!(host.stats().owners_asked, 0);
    host.server.judge_by(curious.clone());
    assert_eq!(client.ask(get("/")).await.status, 200);
    assert_eq!(host.stats().owners_asked, 1);

    // Without a way to find out nobody gets in.
    let host = Host::echoing(ServerOptions::default());
    host.server.judge_by(curious);
    assert_eq!(host.client().await.ask(get("/")).await.status, 403);
    assert_eq!((host.seen(), host.stats().foreign_users), (0, 1));
}
