//! What a connection goes through besides HTTP: TLS before, the goodbye behind.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    http1::Http1,
    http2,
    link::Link,
    refusal::Refusal,
    screen::{Screen, Stop},
    socket::{Plain, Socket},
    stages::Stage,
    wire::Wire,
};

/// After an error answer the client may go on sending for so long: closing at once would have the system throw
/// away what the client has not read of the answer.
const LINGER: Duration = Duration::from_secs(1);

/// How HTTP/1 ended.
pub(super) enum End {
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

/// Serves a connection without TLS to its end.
pub(super) fn plain(plain: Plain, link: Arc<Link>) -> Http1 {
    let options = &link.shared.options;
    let screen = Screen::new(options.header_limit, options.body_limit, options.h2c);
    Http1::new(Wire::new(Socket::Plain(plain), Arc::clone(&link), Some(screen)), link)
}

/// Serves a connection with TLS to its end.
pub(super) async fn tls(plain: Plain, link: Arc<Link>, acceptor: TlsAcceptor) {
    let options = &link.shared.options;
    let mut stage = link.stage.clone();
    let shaken = tokio::select! {
        shaken = timeout(options.header_timeout, acceptor.accept(plain)) => shaken,
        _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
    };
    let Ok(Ok(tls)) = shaken else { return };
    let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let screen = (!is_http2).then(|| Screen::new(options.header_limit, options.body_limit, false));
    let wire = Wire::new(Socket::Tls(Box::new(tls)), Arc::clone(&link), screen);
    if is_http2 { http2::serve(wire, &link).await } else { Http1::new(wire, link).await }
}

/// Says what is to be said when hyper's HTTP/1 has ended, or goes on with HTTP/2.
pub(super) async fn finish(end: End, mut wire: Wire, link: Arc<Link>) {
    let stop = match end {
        End::Over | End::Cut | End::Idle => None,
        End::Refused(refusal) => Some(refusal.into()),
        End::Stopped => wire.take_stop(),
    };
    let refused = match stop {
        Some(Stop::Preface) => {
            wire.open();
            return http2::serve(wire, &link).await;
        }
        Some(Stop::Refused { refusal, dialect, is_head }) => {
            link.shared.counters.refuse(refusal);
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
            wire.open();
            let mut rest = [0; 4096];
            while matches!(wire.read(&mut rest).await, Ok(1..)) {}
        }
    };
    let mut stage = link.stage.clone();
    tokio::select! {
        _ = timeout(LINGER, goodbye) => {}
        _ = stage.wait_for(|stage| *stage == Stage::Aborted) => {}
    }
}
