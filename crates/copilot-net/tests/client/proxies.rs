//! Proxies: which one a URL goes through (compat.md 2.8), and the way through each kind.

use std::collections::HashMap;

use copilot_net::client::{
    CallError, Client,
    proxies::{choose, without_credentials},
};

use super::support::{
    OPTIONS, client_in, error, fetch, get, post,
    proxy::{Kind, Proxy},
    tls::Certificate,
    upstream::{Step::*, Upstream, answer},
};

const HTTPS: &str = "https://api.github.com/user";

/// Environment, URL, proxy.
type Case = (&'static [(&'static str, &'static str)], &'static str, Option<&'static str>);

/// The cases of the reference's test, and more of the same rules.
#[test]
fn choice() {
    let cases: &[Case] = &[
        (&[], HTTPS, None),
        (&[("https_proxy", "http://p:3")], HTTPS, Some("http://p:3")),
        (&[("HTTPS_PROXY", "http://p:3")], HTTPS, Some("http://p:3")),
        (&[("http_proxy", "http://p:3")], HTTPS, None),
        (&[("http_proxy", "http://p:3")], "http://h/", Some("http://p:3")),
        (&[("npm_config_https_proxy", "http://a"), ("https_proxy", "http://b")], HTTPS, Some("http://a")),
        (&[("npm_config_proxy", "http://a"), ("all_proxy", "http://b")], HTTPS, Some("http://a")),
        (&[("ALL_PROXY", "socks5://b:1")], HTTPS, Some("socks5://b:1")),
        (&[("https_proxy", "p:3")], HTTPS, Some("https://p:3")),
        (&[("https_proxy", "http://p"), ("no_proxy", "*")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("no_proxy", "api.github.com")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("no_proxy", "github.com")], HTTPS, Some("http://p")),
        (&[("https_proxy", "http://p"), ("no_proxy", ".github.com")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("NO_PROXY", "x, *github.com")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("no_proxy", "api.github.com:443")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("no_proxy", "api.github.com:8443")], HTTPS, Some("http://p")),
        (&[("https_proxy", "http://p"), ("npm_config_no_proxy", "a b api.github.com")], HTTPS, None),
        // Beyond the reference's table.
        (&[("https_proxy", ""), ("HTTPS_PROXY", "http://p")], HTTPS, Some("http://p")),
        (&[("https_proxy", "http://a"), ("HTTPS_PROXY", "http://b")], HTTPS, Some("http://a")),
        (&[("https_proxy", "http://p"), ("no_proxy", " * ")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("no_proxy", "*,x")], HTTPS, None),
        (&[("https_proxy", "http://p"), ("no_proxy", "API.GitHub.com")], "https://api.github.COM:1/", None),
        (&[("https_proxy", "http://p"), ("no_proxy", "api.github.com:99999")], HTTPS, Some("http://p")),
        (&[("https_proxy", "http://p"), ("no_proxy", "::1")], "https://[::1]/", Some("http://p")),
        (&[("http_proxy", "http://p"), ("no_proxy", "h:80")], "http://h/", None),
        (&[("http_proxy", "http://p"), ("no_proxy", "h:80")], "http://h:8080/", Some("http://p")),
    ];
    for (environ, url, proxy) in cases {
        let environ: HashMap<_, _> =
            environ.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(choose(url, &environ).as_deref(), *proxy, "{environ:?} {url}");
    }
}

#[test]
fn r08_credentials_are_not_logged() {
    for (proxy, shown) in [
        ("http://user:pass@proxy.example:3128", "http://proxy.example:3128"),
        ("http://user:p%40ss@proxy.example", "http://proxy.example"),
        ("http://user:p@ss@Proxy.Example/path", "http://proxy.example"),
        ("socks5h://user@[::1]:1080", "socks5h://[::1]:1080"),
        ("http://user:12/34@proxy.example:3128", "http://proxy.example:3128"),
        ("http://user:12#34@proxy.example", "http://proxy.example"),
        ("user:12://34@proxy.example", "://proxy.example"),
        ("http://proxy.example:3128/path", "http://proxy.example:3128"),
    ] {
        assert_eq!(without_credentials(proxy), shown);
    }
}

async fn plain() -> Upstream {
    Upstream::one(vec![Request, answer("ok"), Request, answer("ok"), UntilClosed]).await
}

/// Calls twice through `proxy` and returns what it was asked for.
async fn through(
    proxy: &Proxy,
    setting: &str,
    more: &[(&str, &str)],
    upstream: &Upstream,
    url: &str,
) -> Vec<String> {
    let environ = [&[("all_proxy", setting)], more].concat();
    let client = client_in(&environ);
    for _ in 0..2 {
        assert_eq!(fetch(&client, post(url)).await, "ok");
    }
    assert_eq!(upstream.record.counts().connections, 1);
    assert_eq!(proxy.record.counts().connections, 1);
    proxy.record.heads()
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_too() {
    let (upstream, proxy) = (plain().await, Proxy::open(Kind::Http(None), None).await);
    let setting = format!("http://{}", proxy.address);
    let heads = through(&proxy, &setting, &[], &upstream, &upstream.url("/x")).await;
    let target = upstream.address;
    assert_eq!(heads, [format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n")]);
    assert!(upstream.record.heads()[0].starts_with("POST /x HTTP/1.1\r\n"));
}

#[tokio::test]
async fn user_and_password_are_percent_decoded_and_go_to_the_proxy_alone() {
    // "us er:p@:ss"
    let proxy = Proxy::open(Kind::Http(Some("Basic dXMgZXI6cEA6c3M=")), None).await;
    let upstream = plain().await;
    let setting = format!("http://us%20er:p%40:ss@{}", proxy.address);
    through(&proxy, &setting, &[], &upstream, &upstream.url("/x")).await;
    assert!(!upstream.record.heads()[0].contains("uthorization"));
}

#[tokio::test]
async fn https_goes_through_a_proxy_that_is_reached_by_tls() {
    let certificate = Certificate::new();
    let upstream = Upstream::play_over(
        [vec![Request, answer("ok"), Request, answer("ok"), UntilClosed]],
        Some(certificate.acceptor(&["http/1.1"])),
    )
    .await;
    let proxy = Proxy::open(Kind::Http(None), Some(certificate.acceptor(&["h2"]))).await;
    let setting = format!("https://localhost:{}", proxy.address.port());
    let more = [("NODE_EXTRA_CA_CERTS", certificate.file())];
    let more = more.each_ref().map(|(name, value)| (*name, value.as_str()));
    let heads = through(&proxy, &setting, &more, &upstream, &upstream.secure_url("/x")).await;
    assert!(heads[0].starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", upstream.address.port())));
}

#[tokio::test]
async fn socks_is_asked_for_the_name_with_and_without_a_user() {
    for (kind, user) in [
        (Kind::Socks(None), ""),
        (Kind::Socks(None), "user:password@"),
        (Kind::Socks(Some(("user", "p@ss"))), "user:p%40ss@"),
    ] {
        for scheme in ["socks5", "socks5h"] {
            let (upstream, proxy) = (plain().await, Proxy::open(kind, None).await);
            let setting = format!("{scheme}://{user}{}", proxy.address);
            let url = format!("http://localhost:{}/x", upstream.address.port());
            let heads = through(&proxy, &setting, &[], &upstream, &url).await;
            assert_eq!(heads, [format!("localhost:{}", upstream.address.port())]);
        }
    }
    let (upstream, proxy) = (plain().await, Proxy::open(Kind::Socks(None), None).await);
    let setting = format!("socks5://{}", proxy.address);
    let heads = through(&proxy, &setting, &[], &upstream, &upstream.url("/x")).await;
    assert_eq!(heads, [upstream.address.to_string()]);
}

async fn refused(kind: Kind, setting: impl Fn(&Proxy) -> String, url: &str) -> String {
    let proxy = Proxy::open(kind, None).await;
    let client = client_in(&[("all_proxy", &setting(&proxy))]);
    let error = error(client.request(get(url)).await);
    assert!(!error.sent());
    let CallError::ConnectFailed(text) = error else { panic!("{error}") };
    assert!(!text.contains("secret"), "{text}");
    let host = url.split('/').nth(2).unwrap();
    text.strip_prefix(&format!("cannot reach {host}: ")).unwrap().replace(&proxy.address.to_string(), "P")
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_user() {
    let http = |proxy: &Proxy| format!("http://user:secret@{}", proxy.address);
    let socks = |proxy: &Proxy| format!("socks5://user:secret@{}", proxy.address);
    let anonymous = |proxy: &Proxy| format!("socks5://{}", proxy.address);
    for (kind, setting, url, why) in [
        (
            Kind::Http(Some("x")),
            &http as &dyn Fn(&Proxy) -> String,
            "http://h.example/",
            "proxy http://P: it wants a user and a password, or others (407)",
        ),
        (
            Kind::Says("HTTP/1.1 403 Forbidden\r\n\r\n"),
            &http,
            "http://h.example/",
            "proxy http://P: it refuses to connect (403)",
        ),
        (
            Kind::Says("HTTP/1.1 200 OK\r\n\r\nsurprise"),
            &http,
            "http://h.example/",
            "proxy http://P: its answer is followed by bytes of nobody",
        ),
        (Kind::Says(""), &http, "http://h.example/", "proxy http://P: it closed the connection"),
        (
            Kind::Socks(Some(("user", "other"))),
            &socks,
            "http://h.example/",
            "proxy socks5://P: it refuses the user and the password",
        ),
        (
            Kind::Socks(Some(("user", "other"))),
            &anonymous,
            "http://h.example/",
            "proxy socks5://P: it wants a user and a password",
        ),
        (
            Kind::Socks(None),
            &socks,
            "http://forbidden.example/",
            "proxy socks5://P: it refuses to connect: its rules forbid it (2)",
        ),
    ] {
        assert_eq!(refused(kind, setting, url).await, why);
    }
}

#[tokio::test]
async fn a_setting_that_is_no_proxy_is_said_and_nothing_is_sent() {
    let upstream = plain().await;
    for setting in ["ftp://p:1", "http://", "gopher://user:secret@p"] {
        let client = client_in(&[("all_proxy", setting)]);
        let error = error(client.request(get(&upstream.url("/"))).await);
        assert!(!error.sent());
        assert!(error.to_string().contains("the proxy setting cannot be used"), "{error}");
        assert!(!error.to_string().contains("secret"));
    }
    assert_eq!(upstream.record.counts().connections, 0);
}

#[tokio::test]
async fn proxies_are_passed_by_for_excluded_hosts_and_when_they_are_not_wanted() {
    let (upstream, proxy) = (plain().await, Proxy::open(Kind::Http(None), None).await);
    let setting = format!("http://{}", proxy.address);
    let excluded = client_in(&[("http_proxy", &setting), ("no_proxy", "127.0.0.1")]);
    assert_eq!(fetch(&excluded, post(&upstream.url("/"))).await, "ok");
    let environ = HashMap::from([("http_proxy".to_owned(), setting)]);
    const { assert!(!OPTIONS.proxy_from_env) };
    let upstream = plain().await;
    assert_eq!(fetch(&Client::new(OPTIONS, environ), post(&upstream.url("/"))).await, "ok");
    assert_eq!(proxy.record.counts().connections, 0);
}

#[tokio::test]
async fn r32_a_dropped_body_is_felt_beyond_the_proxy() {
    let endless = vec![Request, Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())];
    let (upstream, proxy) = (Upstream::one(endless).await, Proxy::open(Kind::Http(None), None).await);
    let client = client_in(&[("all_proxy", &format!("http://{}", proxy.address))]);
    drop(client.request(get(&upstream.url("/"))).await.unwrap());
    upstream.record.until(|counts| counts.closed == 1).await;
}
