//! Makes messages, client and server from the protocol's text.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["proto/network_proxy.proto"], ["proto"])?;
    // Payloads are slices of what was read, not copies of it.
    tonic_prost_build::configure().build_transport(false).bytes(".Data.data").compile_fds(descriptors)?;
    Ok(())
}
