//! Whose the client's end of a TCP connection is, where both ends are on this machine.
//!
//! Linux tells the owner of one socket by `sock_diag`: the kernel finds it by the addresses of both ends in the
//! table that it finds packets' sockets in, so that other connections cost nothing. A socket that its process has
//! closed has no owner any more and reads as root's; it counts as nobody's.
//!
//! Ours is what belongs to the user of this process or to root. Root can read the tokens and this process's
//! memory: to refuse it protects nothing, and would shut out what forwards ports for this user as root does, such as
//! the relay of WSL.

use std::{io, net::SocketAddr};

/// Asks the system for owners.
#[cfg(target_os = "linux")]
pub(super) struct Owners {
    socket: std::sync::Mutex<std::os::fd::OwnedFd>,
    user: u32,
}

#[cfg(target_os = "linux")]
impl Owners {
    pub(super) fn open() -> io::Result<Self> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with};

        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = SocketType::DGRAM;
        let socket = socket_with(AddressFamily::NETLINK, kind, flags, Some(netlink::SOCK_DIAG))?;
        Ok(Self { socket: std::sync::Mutex::new(socket), user: rustix::process::geteuid().as_raw() })
    }

    /// Whether the client of a connection is this user or root. What cannot be found out is no.
    pub(super) fn is_ours(&self, client: SocketAddr, server: SocketAddr) -> bool {
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let server = SocketAddr::new(server.ip().to_canonical(), server.port());
        self.owner(client, server).is_ok_and(|owner| owner.is_some_and(|user| user == self.user || user == 0))
    }

    /// Returns the owner of the socket at `local` that is connected with `remote`.
    fn owner(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u32>> {
        use rustix::net::{RecvFlags, SendFlags, recv, send};

        let socket = self.socket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What an earlier question left, if it was given up.
        let mut answer = [0; 1024];
        while matches!(recv(&*socket, &mut answer, RecvFlags::DONTWAIT), Ok((1.., _))) {}
        send(&*socket, &message::question(local, remote), SendFlags::empty())?;
        // The kernel has answered when `send` returns.
        let (length, _) = recv(&*socket, &mut answer, RecvFlags::DONTWAIT)?;
        Ok(message::owner(answer.get(..length).unwrap_or_default(), local, remote))
    }
}

/// Asks the system for owners; this one does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) struct Owners;

#[cfg(not(target_os = "linux"))]
impl Owners {
    pub(super) fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(super) fn is_ours(&self, _client: SocketAddr, _server: SocketAddr) -> bool {
        false
    }
}

/// The messages of `sock_diag`, as `linux/netlink.h` and `linux/inet_diag.h` have them.
#[cfg(target_os = "linux")]
mod message {
    use std::net::{IpAddr, SocketAddr};

    /// A question with its header: no table is dumped, so there is one answer.
    const QUESTION: u32 = 72;
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NLM_F_REQUEST: u16 = 1;
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    const IPPROTO_TCP: u8 = 6;
    /// Neither a state nor a cookie is asked for.
    const ANY: [u8; 4] = [0xff; 4];
    const TCP_LISTEN: u8 = 10;

    /// Where in an answer, counted with its header, is what.
    const STATE: usize = 17;
    const PORTS: usize = 20;
    const USER: usize = 80;
    const INODE: usize = 84;

    pub(super) fn question(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
        let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
        let mut bytes = Vec::with_capacity(QUESTION as usize);
        bytes.extend(QUESTION.to_ne_bytes());
        bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        bytes.extend(NLM_F_REQUEST.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend([family, IPPROTO_TCP, 0, 0]);
        bytes.extend(ANY);
        bytes.extend(ports(local, remote));
        bytes.extend(address(local));
        bytes.extend(address(remote));
        bytes.extend([0; 4]);
        bytes.extend(ANY);
        bytes.extend(ANY);
        bytes
    }

    /// Returns the user an answer names, if it is about that connection and some process has the socket.
    pub(super) fn owner(answer: &[u8], local: SocketAddr, remote: SocketAddr) -> Option<u32> {
        let kind = answer.get(4..6)?;
        // Without a connection the kernel takes whoever listens at the port.
        let is_connected = *answer.get(STATE)? != TCP_LISTEN;
        let is_it = kind == SOCK_DIAG_BY_FAMILY.to_ne_bytes()
            && is_connected
            && answer.get(PORTS..PORTS + 4)? == ports(local, remote)
            && number(answer, INODE)? != 0;
        if is_it { number(answer, USER) } else { None }
    }

    fn number(answer: &[u8], at: usize) -> Option<u32> {
        let bytes = answer.get(at..at + 4)?;
        bytes.try_into().ok().map(u32::from_ne_bytes)
    }

    fn ports(local: SocketAddr, remote: SocketAddr) -> [u8; 4] {
        let ([a, b], [c, d]) = (local.port().to_be_bytes(), remote.port().to_be_bytes());
        [a, b, c, d]
    }

    fn address(socket: SocketAddr) -> [u8; 16] {
        match socket.ip() {
            IpAddr::V6(ip) => ip.octets(),
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::{
        net::{Shutdown, TcpListener, TcpStream},
        os::fd::AsFd as _,
    };

    use super::*;

    fn connected(address: &str) -> (TcpStream, TcpStream, SocketAddr, SocketAddr) {
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        (client, server, peer, local)
    }

    #[test]
    fn r05_a_connection_has_the_user_of_its_client() {
        let owners = Owners::open().unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may have no IPv6.
            if TcpListener::bind(address).is_err() {
                continue;
            }
            let (client, server, peer, local) = connected(address);
            assert_eq!(owners.owner(peer, local).unwrap(), Some(owners.user));
            assert!(owners.is_ours(peer, local));
            client.shutdown(Shutdown::Write).unwrap();
            assert!(owners.is_ours(peer, local), "its process still has it");
            drop(client);
            assert!(!owners.is_ours(peer, local), "nobody has it any more, and it would read as root's");
            drop(server);
        }
    }

    #[test]
    fn r05_nobodys_connection_and_a_listener_at_its_port_are_nobodys() {
        let owners = Owners::open().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let elsewhere = SocketAddr::from(([127, 0, 0, 1], 9));
        assert!(!owners.is_ours(address, elsewhere));
        drop(listener);
        assert!(!owners.is_ours(address, elsewhere));
    }

    #[test]
    fn r05_an_ipv4_client_of_a_socket_for_both_is_found() {
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (server, peer) = listener.accept().unwrap();
        assert!(peer.is_ipv6());
        assert!(Owners::open().unwrap().is_ours(peer, server.local_addr().unwrap()));
    }

    #[test]
    fn r05_what_an_earlier_question_left_is_not_taken_for_an_answer() {
        let owners = Owners::open().unwrap();
        let (_client, _server, peer, local) = connected("127.0.0.1:0");
        {
            let socket = owners.socket.lock().unwrap();
            let left = message::question(peer, local);
            rustix::net::send(socket.as_fd(), &left, rustix::net::SendFlags::empty()).unwrap();
        }
        let (_other, _accepted, peer, local) = connected("127.0.0.1:0");
        assert_eq!(owners.owner(peer, local).unwrap(), Some(owners.user));
    }
}
