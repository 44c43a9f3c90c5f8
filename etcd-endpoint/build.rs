//! Compiles etcd's API for tonic. protox reads the definitions, so no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let definitions = protox::compile(["rpc.proto"], ["proto"])?;
    // Keys and values are shared with the store, not copied.
    tonic_prost_build::configure().bytes(".").compile_fds(definitions)?;
    Ok(())
}
