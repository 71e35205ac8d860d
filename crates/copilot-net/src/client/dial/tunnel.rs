//! A tunnel through an HTTP proxy: `CONNECT` (RFC 9110 9.3.6).

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{DialError, Target, broken};

/// Bytes of the proxy's answer.
const MOST: usize = 64 * 1024;

pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    target: &Target,
    user: Option<&(String, String)>,
) -> Result<(), DialError> {
    let host = &target.host;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let authority = format!("{host}:{}", target.port);
    let credentials = user.map_or_else(String::new, |(name, password)| {
        let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
        format!("proxy-authorization: Basic {encoded}\r\n")
    });
    let request = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{credentials}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| broken(&error))?;
    stream.flush().await.map_err(|error| broken(&error))?;

    let mut answer = Vec::with_capacity(1024);
    loop {
        match stream.read_buf(&mut answer).await.map_err(|error| broken(&error))? {
            0 => return Err(DialError("it closed the connection".to_owned())),
            _ if answer.len() > MOST => return Err(DialError("its answer is too large".to_owned())),
            _ => {}
        }
        if let Some(end) = opened(&answer)? {
            // The host has not been spoken to: bytes after the answer cannot be its own.
            return if end == answer.len() {
                Ok(())
            } else {
                Err(DialError("its answer is followed by bytes of nobody".to_owned()))
            };
        }
    }
}

/// Returns the length of an answer that opens the tunnel; None while it is not whole.
fn opened(answer: &[u8]) -> Result<Option<usize>, DialError> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut fields);
    let parsed =
        response.parse(answer).map_err(|error| DialError(format!("it does not speak HTTP: {error}")))?;
    let httparse::Status::Complete(end) = parsed else { return Ok(None) };
    match response.code {
        Some(200..=299) => Ok(Some(end)),
        Some(407) => Err(DialError("it wants a user and a password, or others (407)".to_owned())),
        Some(code) => Err(DialError(format!("it refuses to connect ({code})"))),
        None => Ok(None),
    }
}
