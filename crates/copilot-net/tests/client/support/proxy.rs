//! Real proxies, as small as they can be: HTTP with `CONNECT`, and SOCKS5.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::upstream::Record;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Wants this `proxy-authorization`, if any.
    Http(Option<&'static str>),
    /// Wants this user and password, if any.
    Socks(Option<(&'static str, &'static str)>),
    /// Answers a `CONNECT` with these bytes and nothing else.
    Says(&'static str),
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// Its heads are what was asked for: a `CONNECT`, or `host:port` of SOCKS.
    pub(crate) record: Record,
}

impl Proxy {
    pub(crate) async fn open(kind: Kind, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Record::new();
        let kept = record.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                record.note(|counts| counts.connections += 1);
                let (record, tls) = (record.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => pass(socket, kind, &record).await,
                        Some(tls) => pass(tls.accept(socket).await.ok()?, kind, &record).await,
                    }
                });
            }
        });
        Self { address, record: kept }
    }
}

async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, kind: Kind, record: &Record) -> Option<()> {
    let target = match kind {
        Kind::Http(wanted) => connect(&mut client, wanted, record).await?,
        Kind::Socks(wanted) => socks(&mut client, wanted, record).await?,
        Kind::Says(bytes) => {
            record.request(&mut client, &mut Vec::new(), false).await;
            client.write_all(bytes.as_bytes()).await.ok()?;
            client.flush().await.ok()?;
            return None;
        }
    };
    let mut host = TcpStream::connect(target).await.ok()?;
    let _ = copy_bidirectional(&mut client, &mut host).await;
    record.note(|counts| counts.closed += 1);
    Some(())
}

async fn connect(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    wanted: Option<&str>,
    record: &Record,
) -> Option<String> {
    record.request(client, &mut Vec::new(), false).await;
    let head = record.heads().last().unwrap().clone();
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let given = head.split("proxy-authorization: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let answer = if given == wanted {
        "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"
    } else {
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    };
    client.write_all(answer.as_bytes()).await.ok()?;
    client.flush().await.ok()?;
    (given == wanted).then_some(target)
}

async fn socks(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    wanted: Option<(&str, &str)>,
    record: &Record,
) -> Option<String> {
    let offered = counted(client, 1).await?;
    let method = if wanted.is_some() { 2 } else { 0 };
    if !offered.contains(&method) {
        client.write_all(&[5, 255]).await.ok()?;
        return None;
    }
    client.write_all(&[5, method]).await.ok()?;
    if let Some((user, password)) = wanted {
        let given = (counted(client, 1).await?, counted(client, 0).await?);
        let right = given == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        client.write_all(&[1, u8::from(!right)]).await.ok()?;
        right.then_some(())?;
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.ok()?;
    let host = match request {
        [5, 1, 0, 1] => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await.ok()?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        [5, 1, 0, 3] => String::from_utf8(counted(client, 0).await?).unwrap(),
        _ => return None,
    };
    let target = format!("{host}:{}", client.read_u16().await.ok()?);
    record.keep_head(target.clone());
    if host == "forbidden.example" {
        client.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
        return None;
    }
    // A bound name instead of an address is legal, too.
    client.write_all(b"\x05\x00\x00\x03\x05bound\x00\x01").await.ok()?;
    Some(target)
}

/// Reads a byte string after its length, and `skip` bytes before that.
async fn counted(client: &mut (impl AsyncRead + Unpin), skip: usize) -> Option<Vec<u8>> {
    for _ in 0..skip {
        client.read_u8().await.ok()?;
    }
    let mut bytes = vec![0; usize::from(client.read_u8().await.ok()?)];
    client.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}
