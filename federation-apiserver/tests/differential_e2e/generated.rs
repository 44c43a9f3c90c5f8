//! Writes in a random order, by several managers.

use crate::Report;
use crate::server::Server;

/// Writes, and what is there in the end.
pub(crate) async fn writes(_ours: &Server, _theirs: &Server, _report: &mut Report) {}
