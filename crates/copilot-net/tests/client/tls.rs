//! TLS: whom the client trusts, what it agrees upon, how it ends.

use std::sync::Arc;

use copilot_net::client::{CallError, Client};
use tokio::sync::Notify;

use super::support::{
    all, client, client_in, error, fetch, post,
    tls::Certificate,
    upstream::{Step::*, Upstream, answer, send},
};

fn script() -> Vec<super::support::upstream::Step> {
    vec![Request, answer("ok"), Request, answer("ok"), UntilClosed]
}

fn unreachable(error: &CallError) -> bool {
    matches!(error, CallError::ConnectFailed(why) if why.starts_with("cannot reach localhost: "))
}

#[tokio::test]
async fn every_setting_that_names_a_root_makes_it_trusted() {
    let certificate = Certificate::new();
    let (file, folder) = (certificate.file(), certificate.folder.to_str().unwrap().to_owned());
    for environ in [
        vec![("SSL_CERT_FILE", file.as_str())],
        vec![("SSL_CERT_DIR", folder.as_str())],
        vec![("NODE_EXTRA_CA_CERTS", file.as_str())],
        vec![("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", folder.as_str())],
    ] {
        let upstream = Upstream::play_over([script()], Some(certificate.acceptor(&["http/1.1"]))).await;
        let client = client_in(&environ);
        for _ in 0..2 {
            assert_eq!(fetch(&client, post(&upstream.secure_url("/x"))).await, "ok", "{environ:?}");
        }
        assert_eq!(upstream.record.counts().connections, 1);
    }
}

#[tokio::test]
async fn who_is_not_trusted_is_not_spoken_to() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    for client in [client(), client_in(&[("SSL_CERT_FILE", &other.file())])] {
        let upstream = Upstream::play_over([script()], Some(certificate.acceptor(&[]))).await;
        let error = error(client.request(post(&upstream.secure_url("/x"))).await);
        assert!(unreachable(&error), "{error}");
        assert!(!error.sent());
        assert_eq!(upstream.record.counts().requests, 0);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let certificate = Certificate::for_names(&["other.example"]);
    let upstream = Upstream::play_over([script()], Some(certificate.acceptor(&[]))).await;
    let client = client_in(&[("SSL_CERT_FILE", &certificate.file())]);
    let error = error(client.request(post(&upstream.secure_url("/x"))).await);
    assert!(unreachable(&error), "{error}");
    assert_eq!(upstream.record.counts().requests, 0);
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_is_named() {
    let certificate = Certificate::new();
    for (setting, named) in [
        ("SSL_CERT_FILE", "SSL_CERT_FILE or SSL_CERT_DIR name no certificate"),
        ("SSL_CERT_DIR", "SSL_CERT_FILE or SSL_CERT_DIR name no certificate"),
        ("NODE_EXTRA_CA_CERTS", "NODE_EXTRA_CA_CERTS names no certificate"),
    ] {
        let upstream = Upstream::play_over([script()], Some(certificate.acceptor(&[]))).await;
        let client = client_in(&[(setting, "/nowhere/root.pem")]);
        let error = error(client.request(post(&upstream.secure_url("/x"))).await);
        assert!(unreachable(&error) && error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_speak_tls_is_no_connection() {
    let upstream = Upstream::one(vec![send("HTTP/1.1 400 x\r\n\r\n"), UntilClosed]).await;
    let error = error(client().request(post(&upstream.secure_url("/x"))).await);
    assert!(unreachable(&error), "{error}");
}

#[tokio::test]
async fn an_end_without_a_close_notify_is_a_cut() {
    let certificate = Certificate::new();
    for (last, whole) in [(Finish, true), (Reset, false)] {
        let event = Arc::new(Notify::new());
        let script = vec![Request, send("HTTP/1.1 200 OK\r\n\r\nall of it"), Wait(Arc::clone(&event)), last];
        let upstream = Upstream::play_over([script], Some(certificate.acceptor(&[]))).await;
        let client = client_in(&[("SSL_CERT_FILE", &certificate.file())]);
        let answer = client.request(post(&upstream.secure_url("/x"))).await.unwrap();
        event.notify_one();
        let (body, end) = all(answer.body).await;
        assert_eq!(end.is_ok(), whole);
        if whole {
            assert_eq!(body, b"all of it");
        }
    }
}

#[tokio::test]
async fn r39_a_used_connection_that_was_closed_is_not_used_again() {
    let certificate = Certificate::new();
    let closing = vec![Request, answer("ok"), Finish, UntilClosed];
    let upstream = Upstream::play_over([closing], Some(certificate.acceptor(&["http/1.1"]))).await;
    let client = client_in(&[("SSL_CERT_FILE", &certificate.file())]);
    for round in 1..=20 {
        assert_eq!(fetch(&client, post(&upstream.secure_url("/x"))).await, "ok");
        upstream.record.until(|counts| counts.requests == round).await;
    }
}

#[tokio::test]
async fn r14_a_large_request_arrives_whole() {
    let certificate = Certificate::new();
    let upstream = Upstream::play_over([script()], Some(certificate.acceptor(&["http/1.1"]))).await;
    let client = client_in(&[("SSL_CERT_FILE", &certificate.file())]);
    let large: Vec<u8> = (0..20_u32 << 20).map(|index| (index % 251) as u8).collect();
    for _ in 0..2 {
        let mut call = post(&upstream.secure_url("/x"));
        call.body = Some(large.clone().into());
        assert_eq!(fetch(&client, call).await, "ok");
    }
    assert!(upstream.record.bodies().iter().all(|body| *body == large));
}

#[tokio::test]
async fn a_burst_of_first_calls_to_a_host_without_http2_gets_its_connections() {
    let certificate = Certificate::new();
    let one = || vec![Request, answer("ok"), UntilClosed];
    let upstream = Upstream::play_over([one()], Some(certificate.acceptor(&["http/1.1"]))).await;
    let client = client_in(&[("SSL_CERT_FILE", &certificate.file())]);
    let calls: Vec<_> =
        (0..16).map(|_| tokio::spawn(first(client.clone(), upstream.secure_url("/x")))).collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "ok");
    }
}

async fn first(client: Client, url: String) -> String {
    fetch(&client, post(&url)).await
}
