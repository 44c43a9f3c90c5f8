//! What a failure says, and what it means for the exit code.

use std::process::ExitCode;

use crate::output;

/// A command line that can be read but not meant: exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Tells a failure on stderr, and gives the exit code: 0 done, 1 failed, 2 the command line cannot be meant.
pub fn exit_code(result: &anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("\u{1b}[31merror:\u{1b}[0m {}", words(error)));
            ExitCode::from(if error.downcast_ref::<Usage>().is_some() { 2 } else { 1 })
        }
    }
}

/// An error with its causes, each once: many libraries repeat the cause in their own words.
pub fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        // The API server's own words; what comes after them in the chain is the same answer once more.
        let answer = match cause.downcast_ref::<kube::Error>() {
            Some(kube::Error::Api(status)) => Some(status.message.trim().to_owned()),
            _ => None,
        };
        let is_last = answer.is_some();
        let text = answer.unwrap_or_else(|| cause.to_string());
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
        if is_last {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no route").context("cannot connect: no route").context("host");
        assert_eq!(words(&error), "host: cannot connect: no route");
    }
}
