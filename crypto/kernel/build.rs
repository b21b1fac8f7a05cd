//! Tells the module which sources it was built from, so that a test can refuse a stale or debug kernel.

use sha2::{Digest, Sha256};
use std::{env, fmt::Write as _, fs, io, path::Path};

/// Collects every `.rs` file under `folder`, as paths relative to the crate.
fn collect(folder: &Path, into: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let mut paths: Vec<String> = ["Cargo.toml", "Cargo.lock", "build.rs"].map(String::from).to_vec();
    collect(Path::new("src"), &mut paths)?;
    paths.sort();
    let mut hash = Sha256::new();
    for path in &paths {
        let bytes = fs::read(path)?;
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(&bytes);
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-changed=src");
    let hex = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    println!("cargo:rustc-env=SOURCES_SHA256={hex}");
    println!(
        "cargo:rustc-env=BUILD_PROFILE={}",
        env::var("PROFILE").unwrap_or_default()
    );
    Ok(())
}
