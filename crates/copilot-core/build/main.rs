//! Makes the tokenizer's static tables from the vocabulary files, so that nothing is parsed at run time.
//!
//! Input: `src/copilot_api/engine/reference/vocabulary/` (its README describes the formats), shared with the
//! Python engine. Output: raw bytes in `OUT_DIR`, included by `src/tokenizer/vocabulary.rs` and `classes.rs`.

#![expect(clippy::print_stdout, reason = "a build script talks to cargo so")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

mod classes;
mod vocabulary;

/// File stems.
const VOCABULARIES: [&str; 3] = ["o200k_base", "cl100k_base", "p50k_base"];

fn main() -> Result<(), Box<dyn Error>> {
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let data = crate_folder.join("../../src/copilot_api/engine/reference/vocabulary");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/tokenizer/hash.rs");
    for name in VOCABULARIES {
        let tokens = read_watched(&data.join(format!("{name}.ranks.zlib")))?;
        let tables = vocabulary::tables(&tokens).map_err(|error| format!("{name}: {error}"))?;
        fs::write(out.join(format!("{name}.pilots")), tables.pilots)?;
        fs::write(out.join(format!("{name}.slots")), tables.slots)?;
        fs::write(out.join(format!("{name}.long")), tables.long)?;
    }
    let ranges = read_watched(&data.join("character_classes.txt"))?;
    let tables = classes::tables(&String::from_utf8(ranges)?)?;
    fs::write(out.join("class_index"), tables.index)?;
    fs::write(out.join("class_blocks"), tables.blocks)?;
    Ok(())
}

fn read_watched(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}
