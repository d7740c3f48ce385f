//! Compiles `amend/v1/*.proto`, in Rust alone: no protoc has to be installed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=amend");
    if std::env::var_os("CARGO_FEATURE_GRPC").is_some() {
        compile()?;
    }
    Ok(())
}

#[cfg(feature = "grpc")]
fn compile() -> Result<(), Box<dyn std::error::Error>> {
    use std::{env, fs, path::PathBuf};
    let services = ["canaries", "edits", "gates", "jobs", "preferences", "revisions"]
        .map(|name| format!("amend/v1/{name}.proto"));
    let files = protox::compile(services, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // What reflection serves.
    fs::write(out.join("descriptors.bin"), protox::prost::Message::encode_to_vec(&files))?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}

#[cfg(not(feature = "grpc"))]
fn compile() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}
