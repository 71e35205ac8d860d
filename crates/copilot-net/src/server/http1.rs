//! Drives one HTTP/1 connection.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::server::conn::http1::Connection;
use hyper_util::rt::TokioIo;

use super::{
    connection::{End, finish},
    handler::Handler,
    keeper::{Expired, Keeper},
    link::{Link, Phase},
    refusal::Refusal,
    stages::{Stage, Wakeup},
    wire::Wire,
};

/// One HTTP/1 connection: a future by hand, because an `async fn` would take the memory of each connection
/// several times over.
pub(super) struct Http1 {
    driver: Option<Driver>,
    /// What comes behind; rare, and large.
    goodbye: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

struct Driver {
    hyper: Connection<TokioIo<Wire>, Handler>,
    link: Arc<Link>,
    keeper: Keeper,
    wakeup: Wakeup,
    /// Whether hyper knows that the server drains.
    is_told: bool,
}

impl Http1 {
    pub(super) fn new(wire: Wire, link: Arc<Link>) -> Self {
        let handler = Handler::new(Arc::clone(&link));
        let hyper = link.shared.http1.serve_connection(TokioIo::new(wire), handler);
        let keeper = Keeper::new(Arc::clone(&link));
        let wakeup = Wakeup::new(Arc::clone(&link.shared));
        Self { driver: Some(Driver { hyper, link, keeper, wakeup, is_told: false }), goodbye: None }
    }
}

impl Future for Http1 {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(driver) = &mut self.driver {
            let end = ready!(driver.poll(cx));
            let Some(Driver { hyper, link, .. }) = self.driver.take() else { return Poll::Ready(()) };
            if matches!(end, End::Cut) {
                return Poll::Ready(());
            }
            let wire = hyper.into_parts().io.into_inner();
            self.goodbye = Some(Box::pin(finish(end, wire, link)));
        }
        self.goodbye.as_mut().map_or(Poll::Ready(()), |goodbye| goodbye.as_mut().poll(cx))
    }
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let link = &self.link;
        self.wakeup.register(cx.waker());
        loop {
            match link.shared.stages.now() {
                Stage::Aborted => return Poll::Ready(End::Cut),
                // A request whose head has begun is served; its answer says that it was the last.
                Stage::Draining if !self.is_told && link.phase() != Phase::Head => {
                    self.is_told = true;
                    Pin::new(&mut self.hyper).graceful_shutdown();
                }
                Stage::Draining | Stage::Serving => {}
            }
            match Pin::new(&mut self.hyper).poll(cx) {
                // A client that offered an upgrade makes hyper stop before its buffer is empty. Polled again it
                // goes on as without.
                Poll::Ready(Ok(())) if link.phase() == Phase::Flushing => continue,
                Poll::Ready(Ok(())) => return Poll::Ready(End::Over),
                Poll::Ready(Err(_)) if link.is_stopped() => return Poll::Ready(End::Stopped),
                Poll::Ready(Err(_)) => return Poll::Ready(End::Cut),
                Poll::Pending => {}
            }
            // The head may have become complete just now.
            if self.is_told || link.phase() == Phase::Head || link.shared.stages.now() == Stage::Serving {
                break;
            }
        }
        if link.is_stopped() {
            return Poll::Ready(End::Stopped);
        }
        match self.keeper.check(cx) {
            None => Poll::Pending,
            Some(Expired::Idle) => Poll::Ready(End::Idle),
            Some(Expired::Head) => Poll::Ready(End::Refused(Refusal::HeaderTimeout)),
            Some(Expired::Write) => Poll::Ready(End::Cut),
        }
    }
}
