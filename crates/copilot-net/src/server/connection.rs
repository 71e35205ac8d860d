//! Drives one connection: TLS, then HTTP/1 or HTTP/2, to its end.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    handler::Handler,
    keeper::{Expired, Keeper},
    link::{Link, Phase, Stall},
    refusal::Refusal,
    screen::{Screen, Stop},
    socket::{Plain, Socket},
    stages::{Stage, Wakeup},
    wire::Wire,
};

/// After an error answer the client may go on sending for so long: closing at once would have the system throw
/// away what the client has not read of the answer.
const LINGER: Duration = Duration::from_secs(1);

/// HTTP/2: a dead client shows within two of these.
const PING: Duration = Duration::from_secs(20);

/// HTTP/2: requests of one connection at the same time.
const STREAMS: u32 = 200;

/// HTTP/2: what a client may send ahead of its reader.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// HTTP/2: what waits in a stream for the socket.
const SEND_BUFFER: usize = 64 * 1024;

/// How HTTP/1 ended.
enum End {
    /// hyper has sent everything and said goodbye.
    Over,
    /// Nobody waits for anything.
    Idle,
    /// It broke, or has to.
    Cut,
    /// The client is told why.
    Refused(Refusal),
    /// The screen knows why.
    Stopped,
}

/// Serves one connection to its end. `stage` shows by its existence that the connection does.
pub(super) async fn serve(plain: Plain, link: Arc<Link>, mut stage: watch::Receiver<Stage>) {
    let options = &link.shared.options;
    let Some(acceptor) = &link.shared.tls else {
        let screen = Screen::new(options.header_limit, options.h2c);
        return http1(Wire::new(Socket::Plain(plain), Arc::clone(&link), Some(screen)), &link, &stage).await;
    };
    let shaken = tokio::select! {
        shaken = timeout(options.header_timeout, acceptor.accept(plain)) => shaken,
        _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
    };
    let Ok(Ok(tls)) = shaken else { return };
    let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let screen = (!is_http2).then(|| Screen::new(options.header_limit, false));
    let wire = Wire::new(Socket::Tls(Box::new(tls)), Arc::clone(&link), screen);
    if is_http2 { Box::pin(http2(wire, &link, &stage)).await } else { http1(wire, &link, &stage).await }
}

async fn http1(wire: Wire, link: &Arc<Link>, stage: &watch::Receiver<Stage>) {
    let handler = Handler::new(Arc::clone(link));
    let mut hyper = link.shared.http1.serve_connection(TokioIo::new(wire), handler);
    let mut keeper = Keeper::new(Arc::clone(link));
    let mut wakeup = Wakeup::new(Arc::clone(&link.shared));
    let mut is_told = false;
    let end = poll_fn(|cx| {
        wakeup.register(cx.waker());
        loop {
            match link.shared.stages.now() {
                Stage::Aborted => return Poll::Ready(End::Cut),
                // A request whose head has begun is served; its answer says that it was the last.
                Stage::Draining if !is_told && link.phase() != Phase::Head => {
                    is_told = true;
                    Pin::new(&mut hyper).graceful_shutdown();
                }
                _ => {}
            }
            match Pin::new(&mut hyper).poll(cx) {
                // A client that offered an upgrade makes hyper stop before its buffer is empty. Polled again it
                // goes on as without.
                Poll::Ready(Ok(())) if link.phase() == Phase::Flushing => continue,
                Poll::Ready(Ok(())) => return Poll::Ready(End::Over),
                Poll::Ready(Err(_)) if link.is_stopped() => return Poll::Ready(End::Stopped),
                Poll::Ready(Err(_)) => return Poll::Ready(End::Cut),
                Poll::Pending => {}
            }
            // The head may have become complete just now.
            if is_told || link.phase() == Phase::Head || link.shared.stages.now() == Stage::Serving {
                break;
            }
        }
        if link.is_stopped() {
            return Poll::Ready(End::Stopped);
        }
        match keeper.check(cx) {
            None => Poll::Pending,
            Some(Expired::Idle) => Poll::Ready(End::Idle),
            Some(Expired::Head) => Poll::Ready(End::Refused(Refusal::HeaderTimeout)),
            Some(Expired::Write) => Poll::Ready(End::Cut),
        }
    })
    .await;
    drop((keeper, wakeup));
    if !matches!(end, End::Cut) {
        let wire = hyper.into_parts().io.into_inner();
        // Rare and large: kept apart, so that a connection is small.
        Box::pin(finish(end, wire, link, stage)).await;
    }
}

async fn finish(end: End, mut wire: Wire, link: &Arc<Link>, stage: &watch::Receiver<Stage>) {
    let stop = match end {
        End::Over | End::Cut | End::Idle => None,
        End::Refused(refusal) => Some(refusal.into()),
        End::Stopped => wire.take_stop(),
    };
    let refused = match stop {
        Some(Stop::Preface) => {
            wire.open();
            return http2(wire, link, stage).await;
        }
        Some(Stop::Refused { refusal, dialect, is_head }) => {
            link.shared.counters.refused.add();
            refusal.bytes(dialect, is_head)
        }
        None => Vec::new(),
    };
    let lingers = wire.has_unread() || !refused.is_empty();
    wire.open();
    let goodbye = async {
        let _ = wire.write_all(&refused).await;
        let _ = wire.shutdown().await;
        if lingers {
            let mut rest = [0; 4096];
            while matches!(wire.read(&mut rest).await, Ok(1..)) {}
        }
    };
    let mut aborted = stage.clone();
    tokio::select! {
        _ = timeout(LINGER, goodbye) => {}
        _ = aborted.wait_for(|stage| *stage == Stage::Aborted) => {}
    }
}

async fn http2(wire: Wire, link: &Arc<Link>, stage: &watch::Receiver<Stage>) {
    let options = &link.shared.options;
    let streams = Streams { link: Arc::clone(link), stage: stage.clone() };
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(options.header_limit).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let handler = Handler::new(Arc::clone(link));
    let mut hyper = builder.serve_connection(TokioIo::new(wire), handler);
    let mut keeper = Keeper::new(Arc::clone(link));
    let mut wakeup = Wakeup::new(Arc::clone(&link.shared));
    let mut is_told = false;
    poll_fn(|cx| {
        wakeup.register(cx.waker());
        link.begin_streams(cx.waker());
        let mut tells = link.shared.stages.now() != Stage::Serving;
        loop {
            if link.shared.stages.now() == Stage::Aborted {
                return Poll::Ready(());
            }
            if tells && !is_told {
                is_told = true;
                Pin::new(&mut hyper).graceful_shutdown();
                keeper.close_within(options.header_timeout);
            }
            if Pin::new(&mut hyper).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match keeper.check(cx) {
                None => return Poll::Pending,
                Some(Expired::Idle) if !is_told => tells = true,
                Some(_) => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// Runs the streams of one connection.
#[derive(Clone)]
struct Streams {
    link: Arc<Link>,
    /// Until the last stream is gone, the server is not drained.
    stage: watch::Receiver<Stage>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let stage = self.stage.clone();
        let limit = self.link.shared.options.write_stall;
        let stall = self.link.take_latest();
        tokio::spawn(async move {
            let _stage = stage;
            match stall {
                Some(stall) => {
                    let mut stream = pin!(stream);
                    let mut stalled = pin!(outlast(&stall, limit));
                    tokio::select! {
                        () = &mut stream => {}
                        () = &mut stalled => {}
                    }
                }
                None => stream.await,
            }
        });
    }
}

/// Ends when the window of a stream was shut for `limit`, or up to twice as long: it looks once in this time.
async fn outlast(stall: &Stall, limit: Duration) {
    let mut before = None;
    loop {
        sleep(limit).await;
        let waiting = stall.waiting();
        if waiting.is_some() && waiting == before {
            return;
        }
        before = waiting;
    }
}
