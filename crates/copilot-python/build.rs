//! Facts of the build for `build_info()`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let lock_file = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?)
        .join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock_file.display());
    println!("cargo::rustc-env=PYO3_VERSION={}", locked_version(&fs::read_to_string(lock_file)?, "pyo3")?);
    println!("cargo::rustc-env=BUILD_PROFILE={}", profile()?);
    Ok(())
}

/// The version of a package in `Cargo.lock`.
fn locked_version<'l>(lock: &'l str, package: &str) -> Result<&'l str, String> {
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.ok_or_else(|| format!("{package} is not in Cargo.lock"))
}

/// The profile by its own name: `PROFILE` knows only debug and release. The output folder is
/// `target/[target/]<profile>/build/<crate>/out`; the profile `dev` is written to `debug`.
fn profile() -> Result<String, Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let folder = out.ancestors().nth(3).and_then(|path| path.file_name()).ok_or("OUT_DIR is too short")?;
    Ok(folder.to_string_lossy().into_owned())
}
