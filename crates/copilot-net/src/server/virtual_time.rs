//! R-15 with the figures of the defaults, in virtual time and without sockets.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use super::{
    accept::Open,
    link::Link,
    socket::{Plain, Stream},
    *,
};

/// Answers with the size of the body, or with the body that a test left for it.
#[derive(Default)]
struct Sizes {
    next: Mutex<Option<ResponseBody>>,
    gone: Mutex<Option<Instant>>,
}

impl Service for Sizes {
    fn request(&self, request: Request, responder: Responder) -> u64 {
        let (head, ()) = http::Response::new(()).into_parts();
        let size = || ResponseBody::Whole(request.body.len().to_string().into());
        responder.respond(head, self.next.lock().unwrap().take().unwrap_or_else(size));
        0
    }

    fn gone(&self, _ticket: u64) {
        *self.gone.lock().unwrap() = Some(Instant::now());
    }
}

struct Setup {
    client: DuplexStream,
    service: Arc<Sizes>,
    began: Instant,
    connection: JoinHandle<()>,
    _server: Server,
}

impl Setup {
    fn new() -> Self {
        let service = Arc::new(Sizes::default());
        let dynamic = Arc::clone(&service) as Arc<dyn Service>;
        let server = Server::start(vec![], ServerOptions::default(), dynamic, &Handle::current()).unwrap();
        let (client, stream) = duplex(4096);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let info = ConnectionInfo { peer: Peer::Tcp(nowhere), local: Local::Tcp(nowhere), tls: false };
        let place = Arc::clone(&server.shared.places).try_acquire_owned().unwrap();
        let open = Open::new(&server.shared, place);
        let link = Arc::new(Link::new(open, info, server.stage.subscribe()));
        let plain = Plain::new(Stream::Memory(stream), Arc::clone(&link));
        let connection = tokio::spawn(connection::plain(plain, link));
        Self { client, service, began: Instant::now(), connection, _server: server }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a byte in each second, until the server has had enough.
    async fn drip(&mut self, byte: u8) {
        let began = Instant::now();
        for number in 1.. {
            sleep_until(began + Duration::from_secs(number)).await;
            if self.connection.is_finished() || self.client.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n0") && !text.ends_with(b"}") {
            let byte = self.client.read_u8().await;
            let Ok(byte) = byte else { break };
            text.push(byte);
        }
        String::from_utf8(text).unwrap()
    }

    /// Reads to the end, and returns it with the seconds that passed since the begin.
    async fn end(&mut self) -> (String, u64) {
        let mut text = String::new();
        let _ = self.client.read_to_string(&mut text).await;
        (text, self.began.elapsed().as_secs())
    }
}

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_header_section_has_10_seconds_from_its_first_byte_on() {
    let mut setup = Setup::new();
    sleep(Duration::from_secs(60)).await;
    setup.send("G").await;
    let (text, seconds) = setup.end().await;
    assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
    assert_eq!(seconds, 70);
}

#[tokio::test(start_paused = true)]
async fn a_header_section_that_drips_has_no_more() {
    let mut setup = Setup::new();
    setup.send("GET / HTTP/1.1\r\nX: ").await;
    setup.drip(b'y').await;
    // Dripping goes on until the connection is gone, a second of courtesy behind the answer.
    let (text, seconds) = setup.end().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!((11..=12).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_75_seconds() {
    let mut setup = Setup::new();
    assert_eq!(setup.end().await, (String::new(), 75));

    let mut setup = Setup::new();
    for _ in 0..3 {
        sleep(Duration::from_secs(74)).await;
        setup.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(setup.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(setup.end().await, (String::new(), 3 * 74 + 75));
}

#[tokio::test(start_paused = true)]
async fn a_body_has_30_seconds_without_progress() {
    let mut setup = Setup::new();
    setup.send(POST).await;
    let (text, seconds) = setup.end().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(seconds, 30);

    let mut setup = Setup::new();
    setup.send(POST).await;
    setup.drip(b'x').await;
    let (text, seconds) = setup.end().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!((31..=33).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_later_has_as_long() {
    let mut setup = Setup::new();
    setup.send(POST).await;
    setup.send(vec![b'x'; 90_000]).await;
    let (text, seconds) = setup.end().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(seconds, 60, "the first 30 seconds brought enough");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_1_kib_a_second_may_take_as_long_as_it_wants() {
    let mut setup = Setup::new();
    setup.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 614400\r\n\r\n").await;
    for second in 1..=600 {
        // A moment before the server looks.
        sleep_until(setup.began + Duration::from_millis(second * 1000 - 10)).await;
        setup.send([b'x'; 1024]).await;
    }
    let mut text = vec![0; 200];
    let length = setup.client.read(&mut text).await.unwrap();
    assert!(text.get(..length).unwrap().ends_with(b"\r\n\r\n614400"));
    assert!(setup.began.elapsed() >= Duration::from_secs(599));
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_waited_for_and_be_silent_for_hours() {
    let mut setup = Setup::new();
    let (sender, body) = channel(1000);
    *setup.service.next.lock().unwrap() = Some(ResponseBody::Channel(body));
    setup.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for _ in 0..3 {
        sleep(Duration::from_secs(3600)).await;
        sender.try_send("{}".into()).unwrap();
        assert!(setup.answer().await.ends_with("{}"));
    }
    sender.finish();
    let (text, seconds) = setup.end().await;
    assert_eq!((&*text, seconds), ("\r\n0\r\n\r\n", 3 * 3600 + 75));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_has_60_seconds_and_one_that_takes_something_all_of_them_again() {
    let mut setup = Setup::new();
    let (sender, body) = channel(1_000_000);
    *setup.service.next.lock().unwrap() = Some(ResponseBody::Channel(body));
    setup.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sender.try_send(vec![b'x'; 1_000_000].into()).unwrap();
    let mut piece = [0; 100];
    for _ in 0..10 {
        sleep(Duration::from_secs(59)).await;
        setup.client.read_exact(&mut piece).await.unwrap();
    }
    (&mut setup.connection).await.unwrap();
    assert_eq!(setup.began.elapsed().as_secs(), 59 * 10 + 60);
    assert_eq!(setup.service.gone.lock().unwrap().unwrap().duration_since(setup.began).as_secs(), 650);
    assert!(sender.is_gone());
}
