//! Drives one HTTP/2 connection, and runs its streams.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::sleep;

use super::{
    handler::Handler,
    keeper::{Expired, Keeper},
    link::{Link, Stall},
    stages::{Stage, Wakeup},
    wire::Wire,
};

/// A dead client shows within two of these.
const PING: Duration = Duration::from_secs(20);

/// Requests of one connection at the same time.
const STREAMS: u32 = 200;

/// What a client may send ahead of its reader.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// What waits in a stream for the socket.
const SEND_BUFFER: usize = 64 * 1024;

/// Serves one connection to its end.
pub(super) async fn serve(wire: Wire, link: &Arc<Link>) {
    let options = &link.shared.options;
    let mut builder = http2::Builder::new(Streams(Arc::clone(link)));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(options.header_limit).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let mut hyper = builder.serve_connection(TokioIo::new(wire), Handler::new(Arc::clone(link)));
    let mut keeper = Keeper::new(Arc::clone(link));
    let mut wakeup = Wakeup::new(Arc::clone(&link.shared));
    let mut is_told = false;
    poll_fn(|cx| {
        wakeup.register(cx.waker());
        link.begin_streams(cx.waker());
        let mut is_to_end = link.shared.stages.now() != Stage::Serving;
        loop {
            if link.shared.stages.now() == Stage::Aborted {
                return Poll::Ready(());
            }
            if is_to_end && !is_told {
                is_told = true;
                Pin::new(&mut hyper).graceful_shutdown();
                keeper.close_within(options.header_timeout);
            }
            if Pin::new(&mut hyper).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match keeper.check(cx) {
                None => return Poll::Pending,
                Some(Expired::Idle) if !is_told => is_to_end = true,
                Some(_) => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// Runs the streams of one connection.
#[derive(Clone)]
struct Streams(Arc<Link>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let limit = self.0.shared.options.write_stall;
        let stall = self.0.take_latest();
        tokio::spawn(async move {
            let Some(stall) = stall else { return stream.await };
            let (mut stream, mut stalled) = (pin!(stream), pin!(outlast(&stall, limit)));
            tokio::select! {
                () = &mut stream => {}
                () = &mut stalled => {}
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
