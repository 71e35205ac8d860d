//! A tunnel through a SOCKS5 proxy, with or without a user (RFC 1928, RFC 1929). The proxy resolves names.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{DialError, Target, broken};

const VERSION: u8 = 5;
const NO_USER: u8 = 0;
const USER: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    target: &Target,
    user: Option<&(String, String)>,
) -> Result<(), DialError> {
    let greeting: &[u8] = if user.is_some() { &[VERSION, 2, NO_USER, USER] } else { &[VERSION, 1, NO_USER] };
    let [version, method] = ask(stream, greeting).await?;
    match (version, method, user) {
        (VERSION, NO_USER, _) => {}
        (VERSION, USER, Some((name, password))) => {
            let mut request = vec![1];
            for text in [name, password] {
                request.extend(length(text)?);
                request.extend_from_slice(text.as_bytes());
            }
            let [_, status] = ask(stream, &request).await?;
            if status != 0 {
                return Err(refused("the user and the password"));
            }
        }
        (VERSION, _, None) => return Err(DialError("it wants a user and a password".to_owned())),
        (VERSION, ..) => return Err(refused("the user and the password")),
        _ => return Err(DialError("it does not speak SOCKS5".to_owned())),
    }

    let mut request = vec![VERSION, CONNECT, 0];
    match target.host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(NAME);
            request.extend(length(&target.host)?);
            request.extend_from_slice(target.host.as_bytes());
        }
    }
    request.extend(target.port.to_be_bytes());
    let [version, reply, _, kind] = ask(stream, &request).await?;
    if version != VERSION {
        return Err(DialError("it does not speak SOCKS5".to_owned()));
    }
    if reply != 0 {
        return Err(refused_because(reply));
    }
    // Where the proxy is bound: of no use, and to be read.
    let size = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(stream).await?[0]),
        _ => return Err(DialError("it does not speak SOCKS5".to_owned())),
    };
    let mut bound = vec![0; size + 2];
    stream.read_exact(&mut bound).await.map_err(|error| broken(&error))?;
    Ok(())
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin, const N: usize>(
    stream: &mut S,
    request: &[u8],
) -> Result<[u8; N], DialError> {
    stream.write_all(request).await.map_err(|error| broken(&error))?;
    stream.flush().await.map_err(|error| broken(&error))?;
    read(stream).await
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], DialError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(|error| broken(&error))?;
    Ok(bytes)
}

fn length(text: &str) -> Result<[u8; 1], DialError> {
    u8::try_from(text.len())
        .map(|length| [length])
        .map_err(|_| DialError("a name, user or password is longer than 255 bytes".to_owned()))
}

fn refused(what: &str) -> DialError {
    DialError(format!("it refuses {what}"))
}

fn refused_because(reply: u8) -> DialError {
    let why = match reply {
        2 => "its rules forbid it",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the host refuses the connection",
        6 => "the host does not answer",
        _ => "it failed",
    };
    DialError(format!("it refuses to connect: {why} ({reply})"))
}
