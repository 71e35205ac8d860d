//! A descriptor that is readable while a signal is set, for an event loop to watch.

pub(crate) use self::system::Signal;

#[cfg(target_os = "linux")]
mod system {
    use std::{
        io,
        os::fd::{AsRawFd as _, OwnedFd},
    };

    use rustix::event::{EventfdFlags, eventfd};

    #[derive(Debug)]
    pub(crate) struct Signal(OwnedFd);

    impl Signal {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        pub(crate) fn set(&self) {
            // It fails only when the counter is full, and then it is set.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(crate) fn clear(&self) {
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }

        pub(crate) fn fileno(&self) -> i64 {
            self.0.as_raw_fd().into()
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod system {
    use std::{
        io::{self, Read as _, Write as _},
        os::{fd::AsRawFd as _, unix::net::UnixStream},
    };

    #[derive(Debug)]
    pub(crate) struct Signal {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Signal {
        pub(crate) fn new() -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        }

        pub(crate) fn set(&self) {
            // A full buffer is readable.
            let _ = (&self.writer).write(&[1]);
        }

        pub(crate) fn clear(&self) {
            let _ = (&self.reader).read(&mut [0_u8; 64]);
        }

        pub(crate) fn fileno(&self) -> i64 {
            self.reader.as_raw_fd().into()
        }
    }
}

#[cfg(windows)]
mod system {
    use std::{
        io::{self, Read as _, Write as _},
        net::{Ipv4Addr, TcpListener, TcpStream},
        os::windows::io::AsRawSocket as _,
    };

    /// Loops on Windows can watch sockets only (`SelectorEventLoop`).
    #[derive(Debug)]
    pub(crate) struct Signal {
        reader: TcpStream,
        writer: TcpStream,
    }

    impl Signal {
        pub(crate) fn new() -> io::Result<Self> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let writer = TcpStream::connect(listener.local_addr()?)?;
            let reader = loop {
                let (reader, peer) = listener.accept()?;
                // Another program may have connected first.
                if peer == writer.local_addr()? {
                    break reader;
                }
            };
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            writer.set_nodelay(true)?;
            Ok(Self { reader, writer })
        }

        pub(crate) fn set(&self) {
            let _ = (&self.writer).write(&[1]);
        }

        pub(crate) fn clear(&self) {
            let _ = (&self.reader).read(&mut [0_u8; 64]);
        }

        pub(crate) fn fileno(&self) -> i64 {
            i64::try_from(self.reader.as_raw_socket()).unwrap_or(-1)
        }
    }
}
