//! HTTP/1.1: what goes out, how answers are framed, when a connection is used again.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use copilot_net::client::{Call, CallError, Client, ClientOptions};
use tokio::sync::Notify;

use super::support::{
    OPTIONS, TIMEOUTS, all, chunk, client, error, fetch, get, post, text,
    upstream::{Step::*, Upstream, answer, send},
};

fn names(head: &str) -> Vec<&str> {
    head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect()
}

#[tokio::test]
async fn r11_only_the_calls_own_headers_go_out_and_no_cookie_is_kept() {
    let cookie = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok";
    let upstream = Upstream::one(vec![Request, send(cookie), Request, answer("ok"), UntilClosed]).await;
    let client = client();
    for _ in 0..2 {
        assert_eq!(fetch(&client, post(&upstream.url("/x?y=1"))).await, "ok");
    }
    for head in upstream.record.heads() {
        assert!(head.starts_with("POST /x?y=1 HTTP/1.1\r\n"), "{head}");
        assert_eq!(names(&head), ["host", "x-mine", "content-length", "accept-encoding"]);
        assert!(head.contains(&format!("host: {}\r\n", upstream.address)));
        assert!(head.contains("accept-encoding: identity\r\n"));
    }
    assert_eq!(upstream.record.bodies(), [b"{\"a\":1}"; 2]);
    assert_eq!(upstream.record.counts().connections, 1);
}

#[tokio::test]
async fn r11_r12_a_calls_framing_and_hop_by_hop_fields_are_the_clients_own() {
    let upstream = Upstream::one(vec![Request, answer("ok")]).await;
    let headers = [
        ("Host", "evil.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Accept-Encoding", "br"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("Upgrade", "h2c"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("x", "kept"),
    ];
    let call = Call::new("POST", &upstream.url("/"), headers, Some("body".into()), TIMEOUTS).unwrap();
    assert_eq!(fetch(&client(), call).await, "ok");
    assert_eq!(names(&upstream.record.heads()[0]), ["host", "x", "content-length", "accept-encoding"]);
    assert_eq!(upstream.record.bodies(), [b"body"]);
}

#[tokio::test]
async fn what_http_cannot_express_is_not_sent_and_not_repeated_in_the_message() {
    let make = |method, url, headers: &[(&'static str, &'static str)]| {
        Call::new(method, url, headers.iter().copied(), None, TIMEOUTS).map(|_| ())
    };
    for made in [
        make("G T", "http://h/", &[]),
        make("GET", "http://h secret/", &[]),
        make("GET", "http://h/", &[("a b", "secret")]),
        make("GET", "http://h/", &[("a", "secret\r\nx: y")]),
        make("GET", "http://h/", &[("a", "secret\0")]),
    ] {
        let error = made.unwrap_err();
        assert!(!error.sent() && !error.to_string().contains("secret"), "{error}");
    }
    for url in ["/path", "ftp://h/", "http://h:secret/", "http://h:65536/", "http://user:secret@127.0.0.1:1/"]
    {
        let error = error(client().request(get(url)).await);
        assert!(matches!(error, CallError::ConnectFailed(_)), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_there_is_announced_where_one_is_usual() {
    let upstream = Upstream::one(vec![Request, answer(""), Request, answer(""), Request, answer("")]).await;
    let client = client();
    for method in ["GET", "DELETE", "POST"] {
        let call = Call::new(method, &upstream.url(""), [], None, TIMEOUTS).unwrap();
        assert_eq!(fetch(&client, call).await, "");
    }
    let announced: Vec<_> =
        upstream.record.heads().iter().map(|head| head.contains("content-length: 0\r\n")).collect();
    assert_eq!(announced, [false, false, true]);
    assert!(upstream.record.heads()[0].starts_with("GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn r10_redirects_are_not_followed() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: /trap\r\nContent-Length: 0\r\n\r\n";
    let upstream = Upstream::one(vec![Request, send(moved), UntilClosed]).await;
    let answer = client().request(post(&upstream.url("/x"))).await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(answer.headers[0], ("location".to_owned(), "/trap".to_owned()));
    assert_eq!(text(answer).await.unwrap(), "");
    assert_eq!(upstream.record.counts().requests, 1);
}

#[tokio::test]
async fn r13_interim_answers_are_skipped_however_they_are_cut() {
    let whole = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello";
    for cut in 0..whole.len() {
        let parts = vec![Request, send(&whole[..cut]), send(&whole[cut..]), UntilClosed];
        let upstream = Upstream::one(parts).await;
        let answer = client().request(post(&upstream.url("/"))).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers.len(), 2, "{cut}: {:?}", answer.headers);
        assert_eq!(text(answer).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn r13_chunks_trailers_and_extensions_arrive_as_plain_bytes_and_the_connection_is_kept() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
    let upstream = Upstream::one(vec![Request, send(chunked), Request, answer("again"), UntilClosed]).await;
    let client = client();
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "hello world");
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "again");
    assert_eq!(upstream.record.counts().connections, 1);
}

#[tokio::test]
async fn r13_bytes_beyond_the_message_reach_nobody() {
    let forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    for (name, first) in [
        ("sized", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"),
        ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n"),
        ("bodiless", "HTTP/1.1 204 No Content\r\n\r\n"),
    ] {
        let together = vec![Request, send(format!("{first}{forged}")), UntilClosed];
        let apart = vec![Request, send(first), send(forged), UntilClosed];
        let rest = (0..20).flat_map(|_| [Request, answer("good")]).chain([UntilClosed]).collect();
        let upstream = Upstream::play([together, apart, rest]).await;
        let client = client();
        // The forged answer is on its way when the connection is looked at.
        fetch(&client, post(&upstream.url("/"))).await;
        upstream.record.until(|counts| counts.closed == 1).await;
        fetch(&client, post(&upstream.url("/"))).await;
        upstream.record.until(|counts| counts.sent == 2 * (first.len() + forged.len())).await;
        for _ in 0..20 {
            assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "good", "{name}");
        }
        upstream.record.until(|counts| counts.closed == 2).await;
        assert_eq!(upstream.record.counts().connections, 3, "{name}");
    }
}

#[tokio::test]
async fn r13_wrong_framing_is_a_failure_and_never_an_end() {
    for (head, body, before) in [
        ("Content-Length: 10\r\n", "short", "short"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhel", "hel"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\nzz\r\n0\r\n\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n", ""),
    ] {
        let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
        let upstream = Upstream::one(vec![Request, send(&text)]).await;
        let answer = client().request(post(&upstream.url("/"))).await.unwrap();
        let (got, end) = all(answer.body).await;
        assert!(matches!(end, Err(CallError::ConnectionLost(_))), "{text:?}");
        assert_eq!(String::from_utf8(got).unwrap(), before, "{text:?}");
    }
}

#[tokio::test]
async fn r13_what_comes_after_wrong_framing_does_not_mend_it() {
    let event = Arc::new(Notify::new());
    let wrong = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX";
    let script = vec![Request, send(wrong), Wait(Arc::clone(&event)), send("\r\n0\r\n\r\n"), UntilClosed];
    let upstream = Upstream::one(script).await;
    let mut answer = client().request(post(&upstream.url("/"))).await.unwrap();
    assert_eq!(chunk(&mut answer.body).await.unwrap().unwrap(), "hello");
    event.notify_one();
    assert!(matches!(all(answer.body).await, (rest, Err(CallError::ConnectionLost(_))) if rest.is_empty()));
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn r13_an_answer_that_is_not_clear_is_none() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "<html>hello</html>\r\n\r\n",
        "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    ] {
        let upstream = Upstream::one(vec![Request, send(head), UntilClosed]).await;
        let error = error(client().request(post(&upstream.url("/"))).await);
        assert!(matches!(error, CallError::ConnectionLost(_)), "{head:?}: {error}");
        upstream.record.until(|counts| counts.closed == 1).await;
    }
}

#[tokio::test]
async fn r14_a_header_bomb_is_cut_at_its_limit() {
    let bomb = vec![Request, send("HTTP/1.1 200 OK\r\nX: "), Flood(vec![b'a'; 4096])];
    let lines = vec![Request, send("HTTP/1.1 200 OK\r\n"), Flood(b"X: y\r\n".repeat(512))];
    let interim = vec![Request, Flood(b"HTTP/1.1 103 x\r\nLink: y\r\n\r\n".repeat(128))];
    for script in [bomb, lines, interim] {
        let upstream = Upstream::one(script).await;
        let error = error(client().request(post(&upstream.url("/"))).await);
        assert!(matches!(&error, CallError::ConnectionLost(why) if why.contains("too large")), "{error}");
        upstream.record.until(|counts| counts.closed == 1).await;
    }
}

#[tokio::test]
async fn a_large_header_section_below_the_limit_is_read() {
    let value = "v".repeat(200_000);
    let head = format!("HTTP/1.1 200 OK\r\nX: {value}\r\nContent-Length: 2\r\n\r\nok");
    let upstream = Upstream::one(vec![Request, send(head), UntilClosed]).await;
    let answer = client().request(post(&upstream.url("/"))).await.unwrap();
    assert_eq!(answer.headers[0].1.len(), value.len());
    assert_eq!(text(answer).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_connection_is_used_again_only_when_both_sides_may() {
    for (head, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive, CLOSE\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n", true),
    ] {
        let script =
            || vec![Request, send(format!("{head}ok")), Request, send(format!("{head}ok")), UntilClosed];
        let upstream = Upstream::play([script(), script()]).await;
        let client = client();
        for _ in 0..2 {
            assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "ok");
        }
        assert_eq!(upstream.record.counts().connections, if kept { 1 } else { 2 }, "{head}");
    }
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_its_connection() {
    let upstream =
        Upstream::one(vec![Request, send("HTTP/1.1 200 OK\r\n\r\nall of it"), Finish, UntilClosed]).await;
    assert_eq!(fetch(&client(), post(&upstream.url("/"))).await, "all of it");
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn answers_to_head_have_no_body_and_keep_their_connection() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Encoding: br\r\n\r\n";
    let upstream = Upstream::one(vec![Request, send(head), Request, answer("ok"), UntilClosed]).await;
    let client = client();
    let call = Call::new("HEAD", &upstream.url("/"), [], None, TIMEOUTS).unwrap();
    let answer = client.request(call).await.unwrap();
    assert_eq!(answer.headers[0].1, "500");
    // Nobody looks at the body: the connection is free all the same.
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "ok");
    assert_eq!(upstream.record.counts().connections, 1);
    assert_eq!(text(answer).await.unwrap(), "");
}

#[tokio::test]
async fn a_connection_is_free_with_the_last_byte_of_its_body() {
    let upstream = Upstream::one(vec![Request, answer("hello"), Request, answer("again"), UntilClosed]).await;
    // Its place among the calls is free, too.
    let client = Client::new(ClientOptions { max_connections: 1, ..OPTIONS }, HashMap::new());
    let mut first = client.request(post(&upstream.url("/"))).await.unwrap();
    assert_eq!(chunk(&mut first.body).await.unwrap().unwrap(), "hello");
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "again");
    assert_eq!(upstream.record.counts().connections, 1);
    assert!(chunk(&mut first.body).await.is_none());
}

#[tokio::test]
async fn the_connection_used_last_is_used_first() {
    let script = |body: &str| vec![Request, answer(body), Request, answer(body), UntilClosed];
    let upstream = Upstream::play([script("first"), script("second")]).await;
    let client = client();
    let one = client.request(post(&upstream.url("/"))).await.unwrap();
    let two = client.request(post(&upstream.url("/"))).await.unwrap();
    assert_eq!(text(one).await.unwrap(), "first");
    assert_eq!(text(two).await.unwrap(), "second");
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "second");
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_a_body_to_end() {
    let script = || vec![Request, answer("hello"), Request, answer("hello"), UntilClosed];
    let upstream = Upstream::play([script(), script()]).await;
    let client = Client::new(ClientOptions { max_connections: 1, ..OPTIONS }, HashMap::new());
    let first = client.request(post(&upstream.url("/"))).await.unwrap();
    let waiting = tokio::spawn({
        let (client, call) = (client.clone(), post(&upstream.url("/")));
        async move { fetch(&client, call).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(upstream.record.counts().requests, 1);
    assert_eq!(text(first).await.unwrap(), "hello");
    assert_eq!(waiting.await.unwrap(), "hello");
}

#[tokio::test]
async fn an_early_answer_is_read_while_the_request_is_still_on_its_way() {
    let large: Vec<u8> = vec![b'x'; 8 << 20];
    // Answers after the header section, and reads the body all the same.
    let patient = vec![Head, answer("early"), UntilClosed];
    // Answers and slams the door.
    let rude = vec![Head, send("HTTP/1.1 413 x\r\nContent-Length: 3\r\n\r\nbig"), Finish, Reset];
    for (script, status, body) in [(patient, 200, "early"), (rude, 413, "big")] {
        let upstream = Upstream::one(script).await;
        let call = Call::new("POST", &upstream.url("/"), [], Some(large.clone().into()), TIMEOUTS).unwrap();
        let answer = client().request(call).await.unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(text(answer).await.unwrap(), body);
    }
}

#[tokio::test]
async fn r14_a_large_request_arrives_whole() {
    let upstream = Upstream::one(vec![Request, answer("ok"), Request, answer("ok"), UntilClosed]).await;
    let large: Vec<u8> = (0..20_u32 << 20).map(|index| (index % 251) as u8).collect();
    let client = client();
    // In one piece, and in more than one system call takes, of which some are empty.
    let pieces = large.chunks(1_000_003).flat_map(|piece| [piece.to_vec().into(), Bytes::new()]);
    for body in [large.clone().into(), pieces.collect()] {
        let call = Call::new("POST", &upstream.url("/"), [], Some(body), TIMEOUTS).unwrap();
        assert_eq!(fetch(&client, call).await, "ok");
    }
    assert!(upstream.record.bodies().iter().all(|body| *body == large));
    assert_eq!(upstream.record.counts().connections, 1);
}
