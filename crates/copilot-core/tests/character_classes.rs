//! `character_classes.txt` says what Unicode says, in the version of the `regex-syntax` in `Cargo.lock`.
//!
//! The patterns of the encodings are written for that crate's Unicode tables (tiktoken uses them), so they
//! are the source. After an update: `COPILOT_API_WRITE_CLASSES=1 cargo test -p copilot-core --test
//! character_classes` writes the file anew.

use std::{collections::BTreeMap, error::Error, fmt::Write as _, fs, path::Path};

use regex_syntax::hir::{Class, HirKind};

const HEADER: &str = "\
# Character classes of the pre-tokenizer patterns, read by both engines.
# Generated from the Unicode tables of the Rust crate regex-syntax (Unicode 16.0.0) by the test
# crates/copilot-core/tests/character_classes.rs; a code point that is not listed is of no class.
# U: Lu, Lt   L: Ll   C: Lm, Lo   M: mark   N: number   S: white space but   R: carriage return, line feed
";

const CLASSES: [(char, &str); 7] = [
    ('U', r"[\p{Lu}\p{Lt}]"),
    ('L', r"\p{Ll}"),
    ('C', r"[\p{Lm}\p{Lo}]"),
    ('M', r"\p{M}"),
    ('N', r"\p{N}"),
    ('S', r"[\s--[\r\n]]"),
    ('R', r"[\r\n]"),
];

fn ranges(pattern: &str) -> Result<Vec<(u32, u32)>, Box<dyn Error>> {
    let HirKind::Class(Class::Unicode(class)) = regex_syntax::parse(pattern)?.into_kind() else {
        return Err(format!("{pattern} is no class").into());
    };
    Ok(class.iter().map(|range| (range.start().into(), range.end().into())).collect())
}

fn expected() -> Result<String, Box<dyn Error>> {
    let mut by_start = BTreeMap::new();
    for (letter, pattern) in CLASSES {
        for (start, end) in ranges(pattern)? {
            by_start.insert(start, (end, letter));
        }
    }
    let mut text = HEADER.to_owned();
    let mut next = 0;
    for (start, (end, letter)) in by_start {
        assert!(start >= next, "classes overlap at {start:04X}");
        next = end + 1;
        writeln!(text, "{start:04X} {end:04X} {letter}")?;
    }
    Ok(text)
}

#[test]
fn file_is_what_the_tables_say() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../src/copilot_api/engine/reference/vocabulary/character_classes.txt");
    let expected = expected()?;
    if std::env::var_os("COPILOT_API_WRITE_CLASSES").is_some() {
        fs::write(&path, &expected)?;
    }
    assert!(fs::read_to_string(&path)? == expected, "character_classes.txt is out of date");
    Ok(())
}
