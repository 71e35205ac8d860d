//! TCP to a name: the addresses are tried in turns of their families, each a little after the one before, and
//! the first that answers wins (RFC 8305).

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep},
};

use super::{DialError, Socket};

/// How long an address is waited for before the next one is tried beside it: RFC 8305's value.
const STAGGER: Duration = Duration::from_millis(250);

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

pub(super) async fn connect(host: &str, port: u16) -> Result<Socket, DialError> {
    let found = lookup_host((host, port)).await.map_err(|error| DialError(error.to_string()))?;
    let tcp = race(in_turns(found), |address| Box::pin(TcpStream::connect(address)))
        .await
        .map_err(|error| DialError(error.to_string()))?;
    // A small request must not wait for the acknowledgement of the one before.
    tcp.set_nodelay(true).map_err(|error| DialError(error.to_string()))?;
    Ok(Socket::new(tcp))
}

/// Orders addresses by turns of their families, the resolver's first choice first.
fn in_turns(found: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut found = found.peekable();
    let first_is_v6 = found.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found.partition(|address| address.is_ipv6() == first_is_v6);
    let mut ordered = VecDeque::new();
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            return ordered;
        }
        ordered.extend(turn.into_iter().flatten());
    }
}

async fn race(
    mut waiting: VecDeque<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> Attempt,
) -> io::Result<TcpStream> {
    let mut running: Vec<Attempt> = Vec::new();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut next_at = pin!(sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let mut ended = false;
            let mut connected = None;
            running.retain_mut(|attempt| {
                if connected.is_some() {
                    return true;
                }
                match attempt.as_mut().poll(cx) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(stream)) => connected = Some(stream),
                    Poll::Ready(Err(error)) => failed = io::Error::new(error.kind(), error.to_string()),
                }
                ended = true;
                false
            });
            if let Some(stream) = connected {
                return Poll::Ready(Ok(stream));
            }
            if waiting.is_empty() {
                if !running.is_empty() {
                    return Poll::Pending;
                }
                let error = io::Error::new(failed.kind(), failed.to_string());
                return Poll::Ready(Err(error));
            }
            // One that failed makes way at once.
            if !running.is_empty() && !ended && next_at.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            running.extend(waiting.pop_front().map(&attempt));
            next_at.as_mut().reset(Instant::now() + STAGGER);
        }
    })
    .await
}
