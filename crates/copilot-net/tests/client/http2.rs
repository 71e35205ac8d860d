//! HTTP/2: sharing, GOAWAY, resets, flow control, pings.

use std::time::Duration;

use copilot_net::client::{Answer, Call, CallError, Client};
use tokio::{io::AsyncReadExt, task::JoinHandle, time};

use super::support::{
    TIMEOUTS, all, chunk, error, fetch,
    h2_peer::{
        CANCEL, CONTINUATION, CONTINUE, DATA, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, INTERNAL_ERROR,
        NO_ERROR, OK, PING, Peer, REFUSED_STREAM, RST_STREAM, WINDOW_UPDATE, Wire,
    },
    pass, post, text,
};

type Calling = JoinHandle<Result<Answer, CallError>>;

fn calling(client: &Client, call: Call) -> Calling {
    let client = client.clone();
    tokio::spawn(async move { client.request(call).await })
}

/// A client with one connection that has answered before.
async fn used() -> (Peer, Client, Wire) {
    let peer = Peer::listen().await;
    let client = peer.client();
    let first = calling(&client, post(&peer.url()));
    let mut wire = peer.accept().await;
    let (stream, _) = wire.request().await;
    wire.answer(stream, "ok").await;
    assert_eq!(text(first.await.unwrap().unwrap()).await.unwrap(), "ok");
    (peer, client, wire)
}

#[tokio::test]
async fn calls_share_one_connection_also_the_first_ones() {
    let peer = Peer::listen().await;
    let client = peer.client();
    let calls: Vec<_> = (0..20).map(|_| calling(&client, post(&peer.url()))).collect();
    let mut wire = peer.accept().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(wire.request().await);
    }
    assert!(peer.is_left_alone().await);
    for (stream, size) in streams.into_iter().rev() {
        assert_eq!(size, 7);
        wire.headers(stream, CONTINUE, false).await;
        wire.answer(stream, "hello").await;
    }
    for call in calls {
        assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn r11_only_the_calls_own_headers_go_out() {
    let peer = Peer::listen().await;
    let headers = [
        ("X-Mine", "1"),
        ("Connection", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "evil"),
        ("Authorization", "Bearer x"),
    ];
    let call = Call::new("POST", &peer.url(), headers, Some("body".into()), TIMEOUTS).unwrap();
    let call = calling(&peer.client(), call);
    let mut connection = h2::server::handshake(peer.accept_tls().await).await.unwrap();
    let (request, mut respond) = connection.accept().await.unwrap().unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().to_string(), peer.url());
    let fields: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let expected: [(&str, &[u8]); 4] = [
        ("x-mine", b"1"),
        ("authorization", b"Bearer x"),
        ("content-length", b"4"),
        ("accept-encoding", b"identity"),
    ];
    assert_eq!(fields, expected);
    let answer = http::Response::builder().status(201).header("a", "1").header("b", "2").header("a", "3");
    respond.send_response(answer.body(()).unwrap(), true).unwrap();
    tokio::spawn(async move { while connection.accept().await.is_some() {} });
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.headers,
        [("a", "1, 3"), ("b", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(text(answer).await.unwrap(), "");
}

#[tokio::test]
async fn r08_the_authorization_is_in_no_compression_table() {
    let peer = Peer::listen().await;
    let call = Call::new("GET", &peer.url(), [("Authorization", "Bearer x")], None, TIMEOUTS).unwrap();
    let call = calling(&peer.client(), call);
    let mut wire = peer.accept().await;
    let block = wire.next(HEADERS).await.payload;
    // A literal that is never indexed (0001), its name by its number: 23, of which 15 fit beside that.
    assert!(block.windows(2).any(|bytes| bytes == [0x1f, 23 - 15]), "{block:x?}");
    call.abort();
}

#[tokio::test]
async fn r38_r40_goaway_lets_streams_below_finish_and_gives_those_above_back() {
    for code in [NO_ERROR, ENHANCE_YOUR_CALM] {
        let peer = Peer::listen().await;
        let client = peer.client();
        let first = calling(&client, post(&peer.url()));
        let mut wire = peer.accept().await;
        let (below, _) = wire.request().await;
        let second = calling(&client, post(&peer.url()));
        let (above, _) = wire.request().await;
        assert!(above > below);
        wire.go_away(below, code).await;
        let given_back = error(second.await.unwrap());
        assert_eq!(given_back, CallError::ConnectFailed("localhost refused the request".to_owned()));

        let new = calling(&client, post(&peer.url()));
        let mut other = peer.accept().await;
        let (stream, _) = other.request().await;
        other.answer(stream, "new").await;
        assert_eq!(text(new.await.unwrap().unwrap()).await.unwrap(), "new");

        wire.answer(below, "finished").await;
        assert_eq!(text(first.await.unwrap().unwrap()).await.unwrap(), "finished");
        wire.closed().await;
    }
}

#[tokio::test]
async fn r38_a_stream_that_goaway_let_finish_and_the_end_took_may_have_been_billed() {
    let (peer, client, mut wire) = used().await;
    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.go_away(stream, NO_ERROR).await;
    drop(wire);
    let error = error(call.await.unwrap());
    assert!(matches!(error, CallError::ConnectionLost(_)), "{error}");
}

#[tokio::test]
async fn r38_a_reset_tells_by_its_code_whether_the_request_was_looked_at() {
    let (peer, client, mut wire) = used().await;
    for (code, sent) in [(REFUSED_STREAM, false), (INTERNAL_ERROR, true), (CANCEL, true), (NO_ERROR, true)] {
        let call = calling(&client, post(&peer.url()));
        let (stream, _) = wire.request().await;
        wire.reset(stream, code).await;
        let error = error(call.await.unwrap());
        assert_eq!(error.sent(), sent, "{code}: {error}");
        assert!(matches!(error, CallError::ConnectionLost(_)) == sent);
    }
    // The connection goes on.
    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.answer(stream, "ok").await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "ok");
}

#[tokio::test]
async fn r38_a_new_connection_that_dies_may_have_taken_the_request_a_used_one_did_not() {
    let peer = Peer::listen().await;
    let client = peer.client();
    let first = calling(&client, post(&peer.url()));
    let mut wire = peer.accept().await;
    wire.request().await;
    drop(wire);
    let lost = error(first.await.unwrap());
    assert!(matches!(lost, CallError::ConnectionLost(_)), "{lost}");

    // The same from a peer that does not say a word.
    let call = calling(&client, post(&peer.url()));
    let mut silent = peer.accept_tls().await;
    let mut received = Vec::new();
    while !received.windows(7).any(|bytes| bytes == b"{\"a\":1}") {
        assert!(silent.read_buf(&mut received).await.unwrap() > 0);
    }
    drop(silent);
    let lost = error(call.await.unwrap());
    assert!(matches!(lost, CallError::ConnectionLost(_)), "{lost}");

    let (peer, client, mut wire) = used().await;
    let call = calling(&client, post(&peer.url()));
    wire.request().await;
    drop(wire);
    let refused = error(call.await.unwrap());
    assert_eq!(refused, CallError::ConnectFailed("localhost had closed the connection".to_owned()));
}

#[tokio::test]
async fn r39_a_connection_that_ended_is_not_used_again() {
    let (peer, client, wire) = used().await;
    drop(wire);
    // Whether the end was noticed or not: the call is answered, after one repeat at most.
    let call = calling(&client, post(&peer.url()));
    let again = tokio::spawn({
        let (client, url) = (client.clone(), peer.url());
        async move {
            match call.await.unwrap() {
                Ok(answer) => text(answer).await.unwrap(),
                Err(error) => {
                    assert!(!error.sent(), "{error}");
                    fetch(&client, post(&url)).await
                }
            }
        }
    });
    let mut wire = peer.accept().await;
    let (stream, _) = wire.request().await;
    wire.answer(stream, "ok").await;
    assert_eq!(again.await.unwrap(), "ok");
}

#[tokio::test]
async fn r26_a_body_that_is_cut_never_ends_well() {
    let (peer, client, mut wire) = used().await;
    for code in [NO_ERROR, INTERNAL_ERROR, CANCEL] {
        let call = calling(&client, post(&peer.url()));
        let (stream, _) = wire.request().await;
        wire.headers(stream, OK, false).await;
        wire.data(stream, b"hello", false).await;
        let mut answer = call.await.unwrap().unwrap();
        assert_eq!(chunk(&mut answer.body).await.unwrap().unwrap(), "hello");
        wire.reset(stream, code).await;
        let (rest, end) = all(answer.body).await;
        assert!(rest.is_empty());
        assert!(matches!(end, Err(CallError::ConnectionLost(_))), "{code}");
    }
    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.headers(stream, OK, false).await;
    let answer = call.await.unwrap().unwrap();
    drop(wire);
    assert!(matches!(all(answer.body).await.1, Err(CallError::ConnectionLost(_))));
}

#[tokio::test]
async fn r13_a_length_that_is_not_kept_is_a_failure() {
    let (peer, client, mut wire) = used().await;
    // `content-length: 5`, with four and with six bytes.
    let head = [OK, b"\x0f\x0d\x015"].concat();
    for body in ["four", "sixsix"] {
        let call = calling(&client, post(&peer.url()));
        let (stream, _) = wire.request().await;
        wire.headers(stream, &head, false).await;
        wire.data(stream, body.as_bytes(), true).await;
        let answer = call.await.unwrap();
        let end = match answer {
            Ok(answer) => all(answer.body).await.1,
            Err(error) => Err(error),
        };
        assert!(matches!(end, Err(CallError::ConnectionLost(_))), "{body}");
    }
}

#[tokio::test]
async fn trailers_end_a_body_like_any_end() {
    let (peer, client, mut wire) = used().await;
    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.headers(stream, OK, false).await;
    wire.data(stream, b"hello", false).await;
    wire.data(stream, b"", false).await;
    wire.headers(stream, b"\x00\x01a\x01b", true).await;
    let answer = call.await.unwrap().unwrap();
    assert_eq!(all(answer.body).await, (b"hello".to_vec(), Ok(())));
}

#[tokio::test]
async fn r32_what_is_dropped_is_reset_and_disturbs_nobody() {
    let (peer, client, mut wire) = used().await;
    let kept = calling(&client, post(&peer.url()));
    let (other, _) = wire.request().await;

    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    call.abort();
    let reset = wire.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.number()), (stream, CANCEL));

    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.headers(stream, OK, false).await;
    wire.data(stream, b"hello", false).await;
    drop(call.await.unwrap().unwrap());
    let reset = wire.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.number()), (stream, CANCEL));

    wire.answer(other, "ok").await;
    assert_eq!(text(kept.await.unwrap().unwrap()).await.unwrap(), "ok");
}

#[tokio::test]
async fn r30_an_answer_that_does_not_begin_in_time_is_reset() {
    let (peer, client, mut wire) = used().await;
    let mut call = post(&peer.url());
    // Below the first ping: the peer has nothing to say.
    call.timeouts.first_byte = Duration::from_secs(10);
    let call = calling(&client, call);
    let (stream, _) = wire.request().await;
    time::pause();
    let error = error(call.await.unwrap());
    assert_eq!(error, CallError::FirstByteTimeout("localhost sent no answer within 10 s".to_owned()));
    time::resume();
    assert_eq!(wire.next(RST_STREAM).await.stream, stream);
}

#[tokio::test]
async fn r33_r40_a_reader_that_stops_stops_its_stream_and_no_other() {
    let peer = Peer::listen().await;
    let client = peer.client();
    let first = calling(&client, post(&peer.url()));
    let mut wire = peer.accept().await;
    let window = wire.next(WINDOW_UPDATE).await;
    assert_eq!(window.stream, 0);
    // Room for ten thousand streams that stopped.
    assert!(window.number() > 10_000 * 65_535);
    let (stalled, _) = wire.request().await;
    wire.headers(stalled, OK, false).await;
    let mut stalled_answer = first.await.unwrap().unwrap();
    let mut sent = 0;
    while sent < 65_535 {
        let size = 16_384.min(65_535 - sent);
        wire.data(stalled, &vec![b'x'; size], false).await;
        sent += size;
    }
    // Upstream may not send more, and it stays so.
    let of_stalled = |frames: Vec<super::support::h2_peer::Frame>| {
        frames.into_iter().filter(|frame| frame.kind == WINDOW_UPDATE && frame.stream == stalled).count()
    };
    assert_eq!(of_stalled(wire.settle().await), 0);

    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.answer(stream, "other").await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "other");

    let mut read = 0;
    while read < sent {
        read += chunk(&mut stalled_answer.body).await.unwrap().unwrap().len();
    }
    let more = wire.next(WINDOW_UPDATE).await;
    assert_eq!(more.stream, stalled);
    assert!(more.number() > 32_000);
}

#[tokio::test]
async fn r40_a_peer_that_does_not_answer_pings_is_given_up_within_30_seconds() {
    let (peer, client, mut wire) = used().await;
    wire.answers_pings = false;
    let mut call = post(&peer.url());
    call.timeouts.first_byte = Duration::from_secs(300);
    let call = calling(&client, call);
    wire.request().await;
    time::pause();
    let begin = time::Instant::now();
    let error = error(call.await.unwrap());
    // It was sent, and nobody knows what became of it.
    assert!(matches!(&error, CallError::ConnectionLost(why) if why.contains("ping")), "{error}");
    assert!(begin.elapsed() <= Duration::from_secs(31), "{:?}", begin.elapsed());
    time::resume();
    wire.closed().await;
    let again = calling(&client, post(&peer.url()));
    let mut wire = peer.accept().await;
    let (stream, _) = wire.request().await;
    wire.answer(stream, "ok").await;
    assert_eq!(text(again.await.unwrap().unwrap()).await.unwrap(), "ok");
}

#[tokio::test]
async fn r40_pings_that_are_answered_keep_a_silent_stream() {
    let (peer, client, mut wire) = used().await;
    let mut call = post(&peer.url());
    call.timeouts.first_byte = Duration::from_secs(300);
    let call = calling(&client, call);
    let (stream, _) = wire.request().await;
    for _ in 0..10 {
        pass(Duration::from_secs(21)).await;
        assert_eq!(wire.next(PING).await.payload.len(), 8);
        // The answer has arrived.
        wire.settle().await;
    }
    wire.answer(stream, "ok").await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "ok");
}

#[tokio::test]
async fn r39_an_idle_connection_is_left_before_upstream_leaves_it() {
    let (peer, client, mut wire) = used().await;
    pass(Duration::from_secs(19)).await;
    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.answer(stream, "same").await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "same");
    // The time of the ping, when idle connections are looked after: it is too early.
    pass(Duration::from_secs(2)).await;
    wire.next(PING).await;
    wire.settle().await;
    pass(Duration::from_millis(18_500)).await;
    let call = calling(&client, post(&peer.url()));
    let mut other = peer.accept().await;
    let (stream, _) = other.request().await;
    other.answer(stream, "other").await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "other");
    assert_eq!(wire.next(GOAWAY).await.number(), NO_ERROR);
    wire.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_though_nobody_calls() {
    let (_peer, _client, mut wire) = used().await;
    for _ in 0..2 {
        pass(Duration::from_secs(21)).await;
        if wire.frame().await.is_none_or(|frame| frame.kind == GOAWAY) {
            return wire.closed().await;
        }
    }
    panic!("it is still open");
}

#[tokio::test]
async fn a_client_that_is_dropped_says_goodbye() {
    let (_peer, client, mut wire) = used().await;
    drop(client);
    assert_eq!(wire.next(GOAWAY).await.number(), NO_ERROR);
    wire.closed().await;
}

#[tokio::test]
async fn more_calls_than_a_connection_allows_get_another_one() {
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    let peer = Peer::listen().await;
    let client = peer.client();
    let first = calling(&client, post(&peer.url()));
    let mut wire = peer.accept_with(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let (stream, _) = wire.request().await;
    wire.settle().await;
    let second = calling(&client, post(&peer.url()));
    let mut other = peer.accept_with(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let (other_stream, _) = other.request().await;
    other.answer(other_stream, "second").await;
    assert_eq!(text(second.await.unwrap().unwrap()).await.unwrap(), "second");
    wire.answer(stream, "first").await;
    assert_eq!(text(first.await.unwrap().unwrap()).await.unwrap(), "first");
}

#[tokio::test]
async fn r14_r40_header_bombs_and_endless_continuations_are_cut() {
    // Literal fields that are not indexed: "a: " and 100 times "b".
    let field = [&b"\x00\x01a\x64"[..], &[b'b'; 100]].concat();
    let large = [OK, &field.repeat(150)].concat();
    let (peer, client, mut wire) = used().await;
    let call = calling(&client, post(&peer.url()));
    let (stream, _) = wire.request().await;
    wire.send(HEADERS, 0, stream, &large).await;
    let mut frames = 0;
    // It is cut long before it could cost memory.
    while frames < 1000
        && !call.is_finished()
        && wire.try_send(CONTINUATION, 0, stream, &field.repeat(150)).await
    {
        frames += 1;
        tokio::task::yield_now().await;
    }
    let error = error(call.await.unwrap());
    assert!(matches!(error, CallError::ConnectionLost(_)), "{error}");
    assert!(frames < 100, "{frames}");
}

#[tokio::test]
async fn r14_a_large_request_arrives_whole_at_the_peers_pace() {
    const LARGE: usize = 20 << 20;
    let peer = Peer::listen().await;
    let client = peer.client();
    let mut call = post(&peer.url());
    call.body = Some([vec![b'x'; LARGE - 1].into(), "y".into()].into_iter().collect());
    let call = calling(&client, call);
    let mut wire = peer.accept().await;
    let (mut received, mut last) = (0, 0);
    let stream = loop {
        let frame = wire.next(DATA).await;
        received += frame.payload.len();
        last = frame.payload.last().copied().unwrap_or(last);
        if frame.flags & END_STREAM != 0 {
            break frame.stream;
        }
        let more = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
        if !frame.payload.is_empty() {
            wire.send(WINDOW_UPDATE, 0, 0, &more).await;
            wire.send(WINDOW_UPDATE, 0, frame.stream, &more).await;
        }
    };
    assert_eq!((received, last), (LARGE, b'y'));
    wire.answer(stream, "ok").await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "ok");
}

#[tokio::test]
async fn an_early_answer_ends_the_request() {
    let peer = Peer::listen().await;
    let client = peer.client();
    let mut call = post(&peer.url());
    call.body = Some(vec![b'x'; 1 << 20].into());
    let call = calling(&client, call);
    let mut wire = peer.accept().await;
    let stream = wire.next(HEADERS).await.stream;
    wire.answer(stream, "early").await;
    wire.reset(stream, NO_ERROR).await;
    assert_eq!(text(call.await.unwrap().unwrap()).await.unwrap(), "early");
}
