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

use super::{DialError, Socket, broken};

/// How long an address is waited for before the next one is tried beside it: RFC 8305's value.
const STAGGER: Duration = Duration::from_millis(250);

type Attempt<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

pub(super) async fn connect(host: &str, port: u16) -> Result<Socket, DialError> {
    open(host, port).await.map(Socket::new).map_err(|error| broken(&error))
}

async fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    let found = lookup_host((host, port)).await?;
    let tcp = race(in_turns(found), |address| Box::pin(TcpStream::connect(address))).await?;
    // A small request must not wait for the acknowledgement of the one before.
    tcp.set_nodelay(true)?;
    Ok(tcp)
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

async fn race<T>(
    mut waiting: VecDeque<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> Attempt<T>,
) -> io::Result<T> {
    let mut running: Vec<Attempt<T>> = Vec::new();
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{future::pending, sync::Mutex};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns_and_the_resolvers_order_stays() {
        let ordered = |found: &[&str]| -> Vec<String> {
            in_turns(found.iter().map(|text| address(text))).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            ordered(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
        assert_eq!(ordered(&["1.1.1.1:1", "[::1]:1"]), ["1.1.1.1:1", "[::1]:1"]);
        assert!(ordered(&[]).is_empty());
    }

    #[tokio::test]
    async fn small_requests_are_not_held_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = open("localhost", listener.local_addr().unwrap().port()).await.unwrap();
        assert!(tcp.nodelay().unwrap());
    }

    #[derive(Clone, Copy)]
    enum Does {
        Connect(u64),
        Fail(u64),
        Hang,
    }

    /// Races addresses that do so; returns the winner or the error, and when each was begun, in milliseconds.
    async fn play(hosts: &'static [Does]) -> (Result<usize, String>, Vec<u128>, u128) {
        let begin = Instant::now();
        let starts = Mutex::new(Vec::new());
        let addresses =
            (0..hosts.len()).map(|index| SocketAddr::from(([0; 4], u16::try_from(index).unwrap())));
        let result = race(addresses.collect(), |address| {
            starts.lock().unwrap().push(begin.elapsed().as_millis());
            Box::pin(async move {
                let index = usize::from(address.port());
                match hosts.get(index).copied().unwrap() {
                    Does::Connect(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Ok(index)
                    }
                    Does::Fail(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Err(io::Error::other(format!("failed {index}")))
                    }
                    Does::Hang => pending().await,
                }
            })
        });
        let result = result.await.map_err(|error| error.to_string());
        (result, starts.into_inner().unwrap(), begin.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_wins_and_a_dead_one_costs_a_moment() {
        use Does::{Connect, Fail, Hang};
        assert_eq!(play(&[Connect(10), Connect(0)]).await, (Ok(0), vec![0], 10));
        assert_eq!(play(&[Hang, Connect(10)]).await, (Ok(1), vec![0, 250], 260));
        assert_eq!(play(&[Hang, Hang, Connect(10)]).await, (Ok(2), vec![0, 250, 500], 510));
        // A slow one may still win.
        assert_eq!(play(&[Connect(300), Connect(100)]).await, (Ok(0), vec![0, 250], 300));
        // One that failed makes way at once.
        assert_eq!(play(&[Fail(5), Connect(10)]).await, (Ok(1), vec![0, 5], 15));
        assert_eq!(play(&[Hang, Fail(5), Connect(10)]).await, (Ok(2), vec![0, 250, 255], 265));
        assert_eq!(play(&[Fail(5), Fail(5)]).await, (Err("failed 1".to_owned()), vec![0, 5], 10));
        assert_eq!(play(&[]).await.0, Err("the name has no address".to_owned()));
    }
}
