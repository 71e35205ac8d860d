//! out of descriptors the server waits, and comes back when there are some.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
};

use copilot_net::server::ServerOptions;
use tokio::net::TcpStream;

use super::support::{Client, Host, get, within};

/// What a process under `ulimit -n 32` runs: it serves until its standard input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "r16_out_of_descriptors_nothing_dies runs it in a process of its own"]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
async fn server_with_few_descriptors() {
    let host = Host::echoing(ServerOptions::default());
    println!("\naddress {}", host.address);
    let closed = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    closed.await.unwrap();
    let stats = host.stats();
    println!("\npauses {}", stats.pauses);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_out_of_descriptors_nothing_dies() {
    let script =
        "ulimit -n 32 && exec \"$0\" --exact descriptors::server_with_few_descriptors --ignored --nocapture";
    let mut process = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut line = |word: &str| lines.find_map(|line| line.strip_prefix(word).map(str::to_owned)).unwrap();
    let address: SocketAddr = line("address ").parse().unwrap();

    // The system takes all of them; the process gets descriptors for some.
    let mut clients = vec![];
    for _ in 0..64 {
        clients.push(Client::new(TcpStream::connect(address).await.unwrap()));
    }
    assert_eq!(clients[0].ask(get("/")).await.status, 200);
    let last = clients.last_mut().unwrap();
    last.send(get("/")).await;
    assert_eq!(clients[1].ask(get("/")).await.status, 200);
    // Some leave, and those behind them are served in their place.
    clients.drain(..60);
    let came = within(clients.last_mut().unwrap().head()).await;
    assert_eq!(came.status, 200);
    for client in &mut clients[..3] {
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
    assert_eq!(Client::new(TcpStream::connect(address).await.unwrap()).ask(get("/")).await.status, 200);

    drop(process.stdin.take());
    let pauses: u64 = line("pauses ").parse().unwrap();
    // It paused, and did not try again and again.
    assert!((1..1000).contains(&pauses), "{pauses} pauses");
    assert!(process.wait().unwrap().success());
}
