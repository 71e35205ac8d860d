//! Bodies: their limits, silence, back-pressure, encodings.

use std::{io::Write, sync::Arc, time::Duration};

use copilot_net::client::{Body, CallError};
use flate2::{Compression, write};
use tokio::{sync::Notify, time};

use super::support::{
    PATIENCE, all, chunk, client, error, fetch, post, text,
    upstream::{Step::*, Upstream, answer, send},
};

const OPEN: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_body_over_its_limit_is_not_read_on() {
    let upstream =
        Upstream::one(vec![Request, send("HTTP/1.1 200 OK\r\n\r\n"), Flood(vec![b'x'; 4096])]).await;
    let answer = client().request(post(&upstream.url("/"))).await.unwrap();
    let error = answer.body.read(100_000, PATIENCE).await.unwrap_err();
    assert_eq!(error, CallError::TooLarge("the answer is larger than 100000 bytes".to_owned()));
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn a_body_of_just_the_limit_passes() {
    let upstream = Upstream::one(vec![Request, answer("hello"), Request, answer("hello"), UntilClosed]).await;
    let client = client();
    let five = client.request(post(&upstream.url("/"))).await.unwrap();
    assert_eq!(five.body.read(5, Duration::ZERO).await.unwrap(), "hello");
    let four = client.request(post(&upstream.url("/"))).await.unwrap();
    assert!(matches!(four.body.read(4, Duration::ZERO).await, Err(CallError::TooLarge(_))));
}

#[tokio::test]
async fn r29_silence_inside_a_body_is_noticed_by_its_reader() {
    let upstream =
        Upstream::one(vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"), UntilClosed])
            .await;
    let answer = client().request(post(&upstream.url("/"))).await.unwrap();
    time::pause();
    let begin = time::Instant::now();
    let error = answer.body.read(100, Duration::from_secs(120)).await.unwrap_err();
    assert_eq!(error, CallError::IdleTimeout("upstream was silent for 120 s".to_owned()));
    assert!(begin.elapsed() < Duration::from_secs(121));
    time::resume();
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn r26_what_came_before_a_cut_is_delivered() {
    for last in [Finish, Reset] {
        let event = Arc::new(Notify::new());
        let script = vec![Request, send(format!("{OPEN}5\r\nhello\r\n")), Wait(Arc::clone(&event)), last];
        let upstream = Upstream::one(script).await;
        let mut answer = client().request(post(&upstream.url("/"))).await.unwrap();
        assert_eq!(chunk(&mut answer.body).await.unwrap().unwrap(), "hello");
        event.notify_one();
        let (rest, end) = all(answer.body).await;
        assert!(rest.is_empty());
        assert!(
            matches!(end, Err(CallError::ConnectionLost(why)) if why.starts_with("the answer broke off: "))
        );
    }
}

#[tokio::test]
async fn r34_pieces_arrive_one_by_one_as_they_are_sent() {
    let events: Vec<_> = (0..20).map(|_| Arc::new(Notify::new())).collect();
    let mut script = vec![Request, send(OPEN)];
    for event in &events {
        script.extend([Wait(Arc::clone(event)), send("5\r\nhello\r\n")]);
    }
    let upstream = Upstream::one(script).await;
    let mut answer = client().request(post(&upstream.url("/"))).await.unwrap();
    for event in events {
        event.notify_one();
        assert_eq!(chunk(&mut answer.body).await.unwrap().unwrap(), "hello");
    }
}

#[tokio::test]
async fn r21_r24_a_large_body_arrives_whole_however_it_is_framed() {
    let large: String = ('a'..='z').cycle().take(17 << 20).collect();
    let mut chunked = OPEN.as_bytes().to_vec();
    for (index, piece) in large.as_bytes().chunks(7919).enumerate() {
        // Tiny and large chunks by turns.
        for part in piece.chunks(if index % 2 == 0 { 7919 } else { 13 }) {
            chunked.extend(format!("{:X}\r\n", part.len()).into_bytes());
            chunked.extend(part);
            chunked.extend(b"\r\n");
        }
    }
    chunked.extend(b"0\r\n\r\n");
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{large}", large.len());
    let until_closed = format!("HTTP/1.1 200 OK\r\n\r\n{large}");
    for script in
        [vec![Request, send(chunked)], vec![Request, send(sized)], vec![Request, send(until_closed)]]
    {
        let upstream = Upstream::one(script).await;
        assert!(fetch(&client(), post(&upstream.url("/"))).await == large);
    }
}

#[tokio::test]
async fn r33_a_reader_that_stops_stops_upstream() {
    let upstream =
        Upstream::one(vec![Request, send("HTTP/1.1 200 OK\r\n\r\n"), Flood(vec![b'x'; 65_536])]).await;
    let mut answer = client().request(post(&upstream.url("/"))).await.unwrap();
    chunk(&mut answer.body).await.unwrap().unwrap();
    upstream.record.until(|counts| counts.stalls > 0).await;
    // What the operating systems of both sides hold.
    assert!(upstream.record.counts().sent < 32 << 20, "{:?}", upstream.record.counts());
    drop(answer);
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn a_body_that_is_dropped_unread_closes_its_connection() {
    let part = vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), UntilClosed];
    let upstream = Upstream::play([part, vec![Request, answer("ok"), UntilClosed]]).await;
    let client = client();
    drop(client.request(post(&upstream.url("/"))).await.unwrap());
    upstream.record.until(|counts| counts.closed == 1).await;
    assert_eq!(fetch(&client, post(&upstream.url("/"))).await, "ok");
}

#[tokio::test]
async fn bodies_for_tests_hold_to_the_contract() {
    let lost = || CallError::ConnectionLost("x".to_owned());
    let body =
        Body::of_chunks(vec![Ok("a".into()), Ok("".into()), Ok("b".into()), Err(lost()), Ok("c".into())]);
    assert_eq!(all(body).await, (b"ab".to_vec(), Err(lost())));
    assert_eq!(Body::of_chunks(vec![]).read(0, Duration::ZERO).await.unwrap(), "");
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = write::GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

async fn encoded(encoding: &str, body: &[u8]) -> (Upstream, Result<String, CallError>) {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n", body.len());
    let upstream = Upstream::one(vec![Request, send([head.as_bytes(), body].concat()), UntilClosed]).await;
    let result = match client().request(post(&upstream.url("/"))).await {
        Ok(answer) => {
            assert_eq!(answer.headers[0], ("content-encoding".to_owned(), encoding.to_owned()));
            text(answer).await
        }
        Err(error) => Err(error),
    };
    (upstream, result)
}

#[tokio::test]
async fn r35_an_encoding_is_undone_though_it_was_not_asked_for() {
    let plain = "hello ".repeat(50_000);
    let mut zlib = write::ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(plain.as_bytes()).unwrap();
    let mut raw = write::DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(plain.as_bytes()).unwrap();
    for (encoding, body) in [
        ("gzip", gzip(plain.as_bytes())),
        ("X-GZip", gzip(plain.as_bytes())),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
        ("identity", plain.clone().into_bytes()),
    ] {
        let (upstream, result) = encoded(encoding, &body).await;
        assert_eq!(result.as_deref(), Ok(plain.as_str()), "{encoding}");
        assert!(upstream.record.heads()[0].contains("accept-encoding: identity\r\n"));
    }
}

#[tokio::test]
async fn r35_a_cut_or_damaged_encoding_is_a_failure() {
    let whole = gzip(b"hello hello hello");
    for cut in 1..whole.len() {
        let (_upstream, result) = encoded("gzip", &whole[..cut]).await;
        assert!(matches!(result, Err(CallError::ConnectionLost(_))), "{cut}");
    }
    let mut damaged = whole.clone();
    damaged[whole.len() - 6] ^= 1;
    for body in [damaged, b"hello".to_vec(), [&whole[..], b"more"].concat()] {
        let (_upstream, result) = encoded("gzip", &body).await;
        assert!(matches!(result, Err(CallError::ConnectionLost(_))));
    }
    assert_eq!(encoded("gzip", b"").await.1.as_deref(), Ok(""));
}

#[tokio::test]
async fn r35_an_encoding_that_is_unknown_is_a_failure() {
    for encoding in ["br", "zstd", "gzip, gzip", "gzip, br"] {
        let (upstream, result) = encoded(encoding, b"hello").await;
        assert!(matches!(result, Err(CallError::ConnectionLost(_))), "{encoding}");
        upstream.record.until(|counts| counts.closed == 1).await;
    }
}

#[tokio::test]
async fn r35_a_bomb_is_stopped_before_it_is_large() {
    let bomb = gzip(&vec![0; 256 << 20]);
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".as_bytes();
    let upstream = Upstream::one(vec![Request, send([head, &bomb].concat()), UntilClosed]).await;
    let mut answer = client().request(post(&upstream.url("/"))).await.unwrap();
    let mut size = 0;
    let error = loop {
        match chunk(&mut answer.body).await.unwrap() {
            Ok(piece) => {
                assert!(piece.len() <= 64 * 1024);
                size += piece.len();
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CallError::ConnectionLost(why) if why.contains("bomb")));
    assert!(size < 8 << 20, "{size}");
    upstream.record.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn r35_frames_that_are_flushed_one_by_one_are_decoded_one_by_one() {
    let events: Vec<_> = (0..5).map(|_| Arc::new(Notify::new())).collect();
    let mut packer = write::GzEncoder::new(Vec::new(), Compression::default());
    let mut script = vec![Request, send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")];
    for (index, event) in events.iter().enumerate() {
        write!(packer, "data: frame {index}\n\n").unwrap();
        packer.flush().unwrap();
        script.extend([Wait(Arc::clone(event)), Send(std::mem::take(packer.get_mut()))]);
    }
    script.push(Send(packer.finish().unwrap()));
    let upstream = Upstream::one(script).await;
    let mut answer = client().request(post(&upstream.url("/"))).await.unwrap();
    for (index, event) in events.iter().enumerate() {
        event.notify_one();
        let expected = format!("data: frame {index}\n\n");
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.extend_from_slice(&chunk(&mut answer.body).await.unwrap().unwrap());
        }
        assert_eq!(String::from_utf8(got).unwrap(), expected);
    }
    assert_eq!(all(answer.body).await, (vec![], Ok(())));
}

#[tokio::test]
async fn an_error_does_not_show_what_the_call_held() {
    let upstream = Upstream::one(vec![Request, Reset]).await;
    let error = error(client().request(post(&upstream.url("/secret?secret"))).await);
    assert!(!error.to_string().contains("secret"), "{error}");
}
