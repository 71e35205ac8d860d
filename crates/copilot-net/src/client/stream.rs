//! The byte stream to a host: TCP, with TLS upon it, perhaps through the TLS of a proxy.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A socket that counts what goes out: whether a request was sent is not a guess.
pub(super) struct Socket {
    tcp: TcpStream,
    sent: Sent,
}

/// Bytes that the operating system took, shared with who judges a failure.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<AtomicU64>);

impl Sent {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = polled {
            // The socket has one writer: no read-modify-write is needed.
            self.0.store(self.bytes() + *count as u64, Ordering::Relaxed);
        }
    }
}

impl Socket {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, sent: Sent::default() }
    }
}

pub(super) enum Stream {
    Tcp(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// Through a proxy that is itself reached by TLS.
    Nested(Box<TlsStream<Box<TlsStream<Socket>>>>),
}

impl Stream {
    pub(super) fn sent(&self) -> &Sent {
        &self.socket().sent
    }

    fn socket(&self) -> &Socket {
        match self {
            Self::Tcp(socket) => socket,
            Self::Tls(tls) => tls.get_ref().0,
            Self::Nested(tls) => tls.get_ref().0.get_ref().0,
        }
    }

    /// Makes every further write fail, which nobody sees before it.
    #[cfg(test)]
    pub(super) fn break_off(&self) {
        let _ = SockRef::from(&self.socket().tcp).shutdown(std::net::Shutdown::Write);
    }

    /// Whether nothing came since the last message, not even the end.
    ///
    /// It asks the operating system and not the runtime, which may not have looked yet: upstream may close
    /// right after it promised to keep the connection. Bytes that nobody asked for are no answer to the
    /// next request.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = SockRef::from(&self.socket().tcp).peek(&mut byte);
        let quiet = matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        quiet && (matches!(self, Self::Tcp(_)) || self.nothing_decrypted())
    }

    fn nothing_decrypted(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.sent.note(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.sent.note(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
            Self::Nested(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Self::Nested(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
            Self::Nested(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Self::Nested(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Self::Nested(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, ServerName},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// Both ends of a TLS connection.
    async fn pair() -> (Stream, tokio_rustls::server::TlsStream<TcpStream>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let server = server.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (acceptor, connector) =
            (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
        let name = ServerName::try_from("localhost").unwrap();
        let (server, client) =
            tokio::join!(acceptor.accept(accepted), connector.connect(name, Socket::new(tcp)));
        (Stream::Tls(Box::new(client.unwrap())), server.unwrap())
    }

    #[tokio::test]
    async fn r13_bytes_that_were_decrypted_and_not_read_are_no_quiet() {
        for (read, quiet) in [(4, false), (12, true)] {
            let (mut stream, mut peer) = pair().await;
            peer.write_all(b"good, forged").await.unwrap();
            peer.flush().await.unwrap();
            let mut message = vec![0; read];
            stream.read_exact(&mut message).await.unwrap();
            assert_eq!(stream.is_quiet(), quiet, "{read}");
        }
    }
}
