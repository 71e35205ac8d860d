//! Pretend upstream and load generator of the benchmarks. Speaks to this machine only.
//!
//! ```text
//! load upstream [--port 0] [--chunks 500] [--interval-us 0] [--chunk-bytes 48] [--batch 1] [--seconds 900]
//! load streams  --url URL --dialect chat|messages --connections C --streams N --body-file F
//!               [--path P] [--ramp-ms 0] [--seconds S] [--timeout 120]
//!               [--interval-us I --chunks N [--slack-ms 100]]
//! load requests --url URL --path P --connections C (--seconds S | --count N) [--body-file F] [--rate R]
//!               [--timeout 600]
//! ```
//!
//! `streams` and `requests` print one JSON object and exit with 1 when anything was wrong. All times in it are
//! milliseconds. Each process uses one thread, so that the gateway keeps what CPUs are left. A body with the word
//! `asker-0000000000` gets a number in each request, and each answer must carry the number of its own request.

mod answers;
mod arguments;
mod asker;
mod catalogue;
mod frames;
mod http;
mod judge;
mod measure;
mod requests;
mod streams;
mod upstream;

use std::process::ExitCode;

use arguments::Arguments;

/// What any part of the tool may fail with: words for a person.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T> = Result<T, Failure>;

fn run() -> Outcome<bool> {
    let mut given = std::env::args().skip(1);
    let command = given.next().unwrap_or_default();
    let mut arguments = Arguments::parse(given)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command.as_str() {
        "upstream" => {
            let options = upstream::Options::take(&mut arguments)?;
            arguments.finish()?;
            runtime.block_on(upstream::serve(options))?;
            Ok(true)
        }
        "streams" => {
            let options = streams::Options::take(&mut arguments)?;
            arguments.finish()?;
            runtime.block_on(streams::run(options))
        }
        "requests" => {
            let options = requests::Options::take(&mut arguments)?;
            arguments.finish()?;
            runtime.block_on(requests::run(options))
        }
        _ => Err("usage: load upstream|streams|requests [--option value]…; see src/main.rs".into()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::from(2)
        }
    }
}
