//! R-12: what is not framed as RFC 9112 says is refused, and nothing behind it is taken for a request.

use copilot_net::server::ServerOptions;
use tokio::net::TcpStream;

use super::{
    sockets,
    support::{Client, Expect, Host, get, post, within},
};

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Requests up to the end of their heads, or with bodies, that are refused with 400.
#[expect(clippy::too_many_lines, reason = "a table")]
fn refused() -> Vec<String> {
    let fields = [
        // Lengths.
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5,6",
        "Content-Length: 5, 5",
        "Content-Length: 5 5",
        "Content-Length: 5.0",
        "Content-Length: 1e1",
        "Content-Length: 1_0",
        "Content-Length:",
        "Content-Length: ",
        "Content-Length: \"5\"",
        "Content-Length: five",
        "Content-Length: 5;",
        "Content-Length: \u{ff15}",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\ncontent-length: 0",
        "Content-Length: 0\r\nContent-Length: 44",
        // Codings.
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "transfer-encoding: CHUNKED\r\ncontent-length: 5",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunke",
        "Transfer-Encoding: chunked\u{0b}",
        "Transfer-Encoding: \u{a0}chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chun\r\n ked",
        // Options of the connection.
        "Connection: \u{c1} x, Close",
        "Connection: close\u{e9}",
        "Connection: close, \"x\"",
        "Connection: close; x",
        "Connection: clo se",
        "Connection: close\t, x/y",
        "Connection: keep-alive\r\nconnection: close@",
        // Fields.
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Transfer-Encoding : chunked",
        " Content-Length: 5",
        "\tTransfer-Encoding: chunked",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X: a\0b",
        "X\0: a",
        "X: a\rb",
        "X: a\r\rb",
        "X: a\nContent-Length: 5",
        "X: a\n",
        "X: a\u{7f}",
        "X: a\u{08}b",
        "X",
        ": a",
        "X Y: a",
        "X\u{e9}: a",
        "X(: a",
        "Host: b",
        "host: a",
    ];
    let mut requests: Vec<String> = fields
        .iter()
        .map(|field| format!("POST /v1 HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"))
        .chain(fields.iter().map(|field| format!("POST /v1 HTTP/1.1\r\n{field}\r\nHost: a\r\n\r\n")))
        // Where one reading of the fields leaves nothing for the other to stumble over.
        .chain(fields.iter().map(|field| format!("POST /v1 HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n0\r\n\r\n")))
        .collect();
    let heads = [
        // Request lines.
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "GET / HTTP/1\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n",
        "GET\r\nHost: a\r\n\r\n",
        "G{T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // R-02: the host.
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http://localhost@evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        // Codings that 1.0 does not have.
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    requests.extend(heads.map(str::to_owned));
    let bodies = [
        "\n",
        "\r\n",
        "g\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5_0\r\n",
        "ffffffffffffffff0\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5;\n\r\nhello\r\n0\r\n\r\n",
        "5;a\0\r\nhello\r\n0\r\n\r\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\r\n\r\n",
        "5\r\nhello\r\r\n0\r\n\r\n",
    ];
    requests.extend(bodies.map(|body| format!("{CHUNKED}{body}")));
    requests
}

/// Judges all that came back: one 400, no answer to the hidden request, and the end.
fn judge(host: &Host, request: &str, came: &[u8]) {
    let came = String::from_utf8_lossy(came);
    assert_eq!(came.matches("HTTP/1.1 ").count(), 1, "{request:?} got {came:?}");
    assert!(came.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request:?} got {came:?}");
    assert!(came.contains("\r\nconnection: close\r\n"), "{request:?} got {came:?}");
    let (_, body) = came.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], "bad_request", "{request:?}");
    assert_eq!(host.seen(), 0, "{request:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_what_is_not_framed_exactly_is_refused_and_nothing_behind_it_served() {
    let host = Host::echoing(ServerOptions::default());
    let requests = refused();
    assert!(requests.len() >= 150, "{}", requests.len());
    for request in &requests {
        let mut client = host.client().await;
        client.send(format!("{request}{HIDDEN}")).await;
        judge(&host, request, &client.rest().await);
    }
    assert_eq!(host.stats().refused, requests.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_holds_however_the_bytes_are_cut() {
    let host = Host::echoing(ServerOptions { h2c: true, ..ServerOptions::default() });
    for request in refused().iter().filter(|request| !request.starts_with("PRI ")) {
        let mut client = host.client().await;
        client.socket.set_nodelay(true).unwrap();
        for byte in request.bytes() {
            // The server may have seen enough.
            if !client.try_send([byte]).await {
                break;
            }
        }
        client.try_send(HIDDEN).await;
        judge(&host, request, &client.rest().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_holds_behind_a_good_request_and_its_answer_comes_first() {
    let host = Host::echoing(ServerOptions::default());
    for request in &refused() {
        let mut client = host.client().await;
        client.send(format!("{}{request}{HIDDEN}", post("/first", "x"))).await;
        let first = client.read(Expect::Body).await;
        assert_eq!((first.status, first.text()), (200, "POST /first x"), "{request:?}");
        let came = String::from_utf8(client.rest().await).unwrap();
        assert!(came.starts_with("HTTP/1.1 400 "), "{request:?} got {came:?}");
        assert_eq!(came.matches("HTTP/1.1 ").count(), 1, "{request:?} got {came:?}");
    }
    assert_eq!(host.seen(), host.stats().accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_holds_behind_tls() {
    let (config, connector) = sockets::tls();
    let host = Host::echoing(ServerOptions { tls: Some(config), ..ServerOptions::default() });
    for request in &refused() {
        let socket = TcpStream::connect(host.address).await.unwrap();
        let mut client = Client::new(within(connector.connect(sockets::name(), socket)).await.unwrap());
        client.send(format!("{request}{HIDDEN}")).await;
        judge(&host, request, &client.rest().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_what_is_framed_well_is_served_with_what_follows() {
    let host = Host::echoing(ServerOptions::default());
    let requests = [
        (get("/a?b=c"), "GET /a?b=c "),
        (post("/a", ""), "POST /a "),
        (post("/a", "hello"), "POST /a hello"),
        (format!("\r\n{}", get("/")), "GET / "),
        (format!("{CHUNKED}0\r\n\r\n"), "POST / "),
        (format!("{CHUNKED}5\r\nhello\r\n0\r\n\r\n"), "POST / hello"),
        (
            format!("{CHUNKED}5;a=\"b\";c\r\nhello\r\n00006\r\n world\r\n0;x\r\nX: y\r\nZ:\r\n\r\n"),
            "POST / hello world",
        ),
        (CHUNKED.replace("chunked", "Chunked \t") + "1\r\n\n\r\n0\r\n\r\n", "POST / \n"),
        ("GET http://A:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n".to_owned(), "GET http://A:80/x "),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "OPTIONS * "),
        ("GET /%00%0d%0a/\u{e9} HTTP/1.1\r\nHost:a\r\n\r\n".to_owned(), "GET /%00%0d%0a/\u{e9} "),
        (
            "GET / HTTP/1.1\r\nhOsT: \ta \r\nX:\r\nY: \u{e9}\t\u{ff}\r\nContent-Length: 000\r\n\r\n"
                .to_owned(),
            "GET / ",
        ),
        ("M-SEARCH / HTTP/1.1\r\nHost: \r\n\r\n".to_owned(), "M-SEARCH / "),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(), "GET / "),
        ("GET / HTTP/1.0\r\nConnection: ,\t,Keep-Alive ,\r\nConnection: x\r\n\r\n".to_owned(), "GET / "),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection:\r\nConnection: !#$%&'*+-.^_`|~aZ09\t,x\r\n\r\n"
                .to_owned(),
            "GET / ",
        ),
    ];
    for (request, text) in requests {
        let mut client = host.client().await;
        client.send(format!("{request}{HIDDEN}")).await;
        let first = client.read(Expect::Body).await;
        assert_eq!((first.status, first.text()), (200, text), "{request:?}");
        let second = client.read(Expect::Body).await;
        assert_eq!(second.text(), "GET /hidden ", "{request:?}");
    }
}

/// hyper passes over a Connection that is not ASCII, and so over the wish to close in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_wish_to_close_among_bytes_beyond_ascii_is_refused_and_nothing_behind_it_served() {
    let host = Host::echoing(ServerOptions::default());
    let request = &b"GET / HTTP/1.1\r\nHost: a\r\nConnection:\xc1 x, Close\r\n\r\n"[..];
    let mut client = host.client().await;
    client.send([request, HIDDEN.as_bytes()].concat()).await;
    judge(&host, "Connection:\\xc1 x, Close", &client.rest().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused_without_waiting_for_the_end_of_a_head() {
    let host = Host::echoing(ServerOptions::default());
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"SSH-2.0-x y\r\n", b"{\"a\": 1}", b"\0"] {
        let mut client = host.client().await;
        client.send(bytes).await;
        assert_eq!(client.read(Expect::Body).await.status, 400, "{bytes:?}");
    }
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_ends_early_is_refused_and_never_seen() {
    let host = Host::echoing(ServerOptions::default());
    for (request, messages) in [
        ("POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf".to_owned(), true),
        (format!("{CHUNKED}9\r\nhalf"), false),
        (format!("{CHUNKED}4\r\nhalf\r\n"), false),
        (format!("{CHUNKED}4\r\nhalf\r\n0\r\n"), false),
    ] {
        let mut client = host.client().await;
        client.send(&request).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.socket).await.unwrap();
        let answer = client.read(Expect::Body).await;
        assert_eq!((answer.status, answer.closes()), (400, true), "{request:?}");
        assert_eq!(answer.text().starts_with(r#"{"type":"error","#), messages, "{}", answer.text());
        assert!(client.ends().await);
    }
    assert_eq!(host.seen(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_to_upgrade_is_ignored() {
    let host = Host::echoing(ServerOptions::default());
    let mut client = host.client().await;
    let upgrade = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n";
    for _ in 0..2 {
        let answer = client.ask(upgrade).await;
        assert_eq!((answer.status, answer.text()), (200, "GET /a "));
    }
    assert_eq!(client.ask("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n").await.status, 405);
    assert!(client.ends().await);
}
