//! fedd
fn main() {}
