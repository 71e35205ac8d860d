//! Descriptors of Python's sockets as listeners of Rust: the one place with `unsafe`.

use std::io;

use copilot_net::server::Listener;

/// Takes the descriptors over. Each must be one that nobody else owns, as `os.dup` gives it.
#[cfg(unix)]
pub(super) fn adopt(descriptors: &[i64]) -> io::Result<Vec<Listener>> {
    use std::os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::net::UnixListener,
    };

    let mut owned = Vec::with_capacity(descriptors.len());
    for descriptor in descriptors {
        let descriptor = i32::try_from(*descriptor)
            .ok()
            .filter(|descriptor| *descriptor >= 0)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: the caller made the descriptor for us, so nobody else closes or uses it.
        owned.push(unsafe { OwnedFd::from_raw_fd(descriptor) });
    }
    owned
        .into_iter()
        .map(|descriptor| {
            let tcp = std::net::TcpListener::from(descriptor);
            if tcp.local_addr().is_ok() {
                return Ok(Listener::Tcp(tcp));
            }
            // What is no Internet socket is a Unix one.
            let unix = UnixListener::from(OwnedFd::from(tcp));
            unix.local_addr()?;
            Ok(Listener::Unix(unix))
        })
        .collect()
}

/// Takes the sockets over. Each must be one that nobody else owns, as `os.dup` gives it.
#[cfg(windows)]
pub(super) fn adopt(descriptors: &[i64]) -> io::Result<Vec<Listener>> {
    use std::os::windows::io::FromRawSocket as _;

    descriptors
        .iter()
        .map(|socket| {
            let socket = u64::try_from(*socket).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            // SAFETY: the caller made the socket for us, so nobody else closes or uses it.
            Ok(Listener::Tcp(unsafe { std::net::TcpListener::from_raw_socket(socket) }))
        })
        .collect()
}
