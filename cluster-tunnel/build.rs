//! Makes messages from the protocol's text. The services are this crate's own.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["proto/network_proxy.proto"], ["proto"])?;
    // Payloads are slices of what was read, not copies of it.
    prost_build::Config::new().bytes([".Data.data"]).compile_fds(descriptors)?;
    Ok(())
}
