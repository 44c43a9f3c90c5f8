//! The end of a log, for error messages.

use std::path::Path;

/// How many lines explain a failure without hiding the message above them.
const LINES: usize = 20;

/// The last lines of a file; what went wrong in their place if it cannot be read.
pub(crate) fn log_tail(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("({}: {error})", path.display()),
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let text: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        let tail = last_lines(&text.join("\n"));
        assert_eq!(tail.lines().count(), LINES);
        assert!(tail.starts_with("80\n") && tail.ends_with("\n99"));
        assert_eq!(last_lines("one\n"), "one");
    }
}
