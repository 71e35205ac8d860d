//! TLS, Unix sockets, IPv6.

use std::{net::Ipv6Addr, sync::Arc};

use copilot_net::server::{Listener, Local, Peer, ServerOptions};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{PrivatePkcs8KeyDer, ServerName},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Client, Host, get, head, post, whole, within};

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Returns a server's side of TLS and a client's that trusts it, without ALPN.
pub(crate) fn tls() -> (Arc<ServerConfig>, TlsConnector) {
    let (server, client) = configs();
    (server, TlsConnector::from(Arc::new(client)))
}

pub(crate) fn configs() -> (Arc<ServerConfig>, ClientConfig) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_serves_http_1_to_who_does_not_ask_for_2() {
    let (config, mut client) = configs();
    let mut host = Host::new(ServerOptions { tls: Some(config), ..ServerOptions::default() });
    for protocols in [vec![], vec![b"http/1.1".to_vec()]] {
        client.alpn_protocols = protocols;
        let connector = TlsConnector::from(Arc::new(client.clone()));
        let socket = TcpStream::connect(host.address).await.unwrap();
        let mut client = Client::new(within(connector.connect(name(), socket)).await.unwrap());
        for text in ["a", &"b".repeat(200_000)] {
            client.send(post("/v1/x", text)).await;
            let (_, request, responder) = host.request().await;
            assert!(request.connection.tls);
            assert_eq!(request.body, text);
            responder.respond(head(200, &[]), whole(request.body));
            assert_eq!(client.read(super::support::Expect::Body).await.text(), text);
        }
        drop(client);
    }
    host.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_without_tls_on_a_port_with_tls_ends_the_connection_only() {
    let (config, connector) = tls();
    let host = Host::echoing(ServerOptions { tls: Some(config), ..ServerOptions::default() });
    let mut plain = host.client().await;
    plain.send(get("/")).await;
    let rest = plain.rest().await;
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    let socket = TcpStream::connect(host.address).await.unwrap();
    let mut client = Client::new(within(connector.connect(name(), socket)).await.unwrap());
    assert_eq!(client.ask(get("/")).await.status, 200);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unix_sockets_tell_who_connects() {
    let path = std::env::temp_dir().join(format!("copilot-net-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut host = Host::with(vec![Listener::Unix(listener)], ServerOptions::default(), None);
    let socket = tokio::net::UnixStream::connect(&path).await.unwrap();
    let uid = socket.peer_cred().unwrap().uid();
    let mut client = Client::new(socket);
    client.send(get("/unix")).await;
    let (_, request, responder) = host.request().await;
    let pid = i32::try_from(std::process::id()).unwrap();
    assert_eq!(request.connection.peer, Peer::Unix { uid: Some(uid), pid: Some(pid) });
    assert_eq!(request.connection.local, Local::Unix(path.as_path().into()));
    responder.respond(head(200, &[]), whole("x"));
    assert_eq!(client.read(super::support::Expect::Body).await.text(), "x");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv4_and_ipv6_are_served_together_and_tell_their_addresses() {
    // A machine may have no IPv6.
    let Ok(listener) = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    let address = listener.local_addr().unwrap();
    let mut host = Host::with(vec![Listener::Tcp(listener)], ServerOptions::default(), None);
    for address in [address, host.address] {
        let socket = TcpStream::connect(address).await.unwrap();
        let peer = socket.local_addr().unwrap();
        let mut client = Client::new(socket);
        client.send(get("/")).await;
        let (_, request, responder) = host.request().await;
        assert_eq!(request.connection.peer, Peer::Tcp(peer));
        assert_eq!(request.connection.local, Local::Tcp(address));
        assert!(!request.connection.tls);
        responder.respond(head(200, &[]), whole("x"));
        assert_eq!(client.read(super::support::Expect::Body).await.text(), "x");
    }
}
