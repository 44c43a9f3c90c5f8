//! What commands print: data on stdout, all else on stderr; colours on terminals only.

use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::json;

use crate::args::{ObjectFormat, ReportArgs, ReportFormat};
use crate::manifest::Manifest;
use crate::yaml;

/// Writes to stdout. A reader that went away (`fedd crds | head`) is no failure.
///
/// # Errors
/// stdout cannot be written, such as on a full disk.
pub fn stdout(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line to stderr: what goes on, for who watches. It does not matter if nobody does.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Writes a warning to stderr.
pub fn warning(text: &str) {
    note(&format!("\u{1b}[33mwarning:\u{1b}[0m {text}"));
}

/// Prints objects: a YAML stream, or a JSON List, each of which `kubectl apply -f -` reads.
///
/// # Errors
/// stdout cannot be written.
pub fn print_objects(objects: &[Manifest], format: ObjectFormat) -> anyhow::Result<()> {
    let values: Vec<_> = objects.iter().map(|o| &o.value).collect();
    let text = match format {
        ObjectFormat::Yaml => yaml::print_stream(&values)?,
        ObjectFormat::Json => {
            serde_json::to_string_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": values}))?
                + "\n"
        }
    };
    Ok(stdout(&text)?)
}

/// One thing that a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The API server, where there are several: `host` or the member's name.
    pub on: String,
    /// The object, as kubectl says: `deployment.apps/web`.
    pub object: String,
    /// What was done: `created`, `configured`, `unchanged`, `deleted`, …
    pub action: String,
}

/// What a command did, told as it was asked for.
#[derive(Debug)]
pub struct Report {
    format: ReportFormat,
    dry_run: bool,
    beside_data: bool,
    done: Vec<Done>,
}

impl Report {
    /// A report. In a dry run, every line says so.
    pub fn new(args: ReportArgs) -> Self {
        Self { format: args.output, dry_run: args.dry_run, beside_data: false, done: Vec::new() }
    }

    /// A report of a command that prints data: its lines are on stderr.
    pub fn beside_data(args: ReportArgs) -> Self {
        Self { beside_data: true, ..Self::new(args) }
    }

    /// Something was done.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub fn done(&mut self, on: &str, object: impl Into<String>, action: &str) -> io::Result<()> {
        let suffix = if self.dry_run { " (dry run)" } else { "" };
        let done = Done { on: on.to_owned(), object: object.into(), action: format!("{action}{suffix}") };
        if self.format == ReportFormat::Text {
            let at = if on == HOST { String::new() } else { format!("{on}: ") };
            let colour = match action {
                "unchanged" => "2",
                "deleted" | "left" => "33",
                _ => "32",
            };
            let line = format!("{at}{} \u{1b}[{colour}m{}\u{1b}[0m", done.object, done.action);
            if self.beside_data {
                note(&line);
            } else {
                stdout(&(line + "\n"))?;
            }
        }
        self.done.push(done);
        Ok(())
    }

    /// Whether nothing is to be changed.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Everything that was done.
    pub fn entries(&self) -> &[Done] {
        &self.done
    }

    /// Prints what is printed at the end.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        match self.format {
            ReportFormat::Text => {}
            ReportFormat::Table => {
                let rows = self.done.iter().map(|d| [d.on.clone(), d.object.clone(), d.action.clone()]);
                stdout(&table(["ON", "OBJECT", "ACTION"], rows))?;
            }
            ReportFormat::Yaml => stdout(&yaml::print(&self.done)?)?,
            ReportFormat::Json => stdout(&(serde_json::to_string_pretty(&self.done)? + "\n"))?,
        }
        Ok(())
    }
}

/// The federation's API server, in a [`Report`].
pub const HOST: &str = "host";

/// A table in kubectl's manner: no lines, columns by spaces.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new()).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_columns_by_spaces() {
        let text = table(
            ["NAME", "READY"],
            [["a".to_owned(), "True".to_owned()], ["long-name".to_owned(), "False".to_owned()]],
        );
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let column = lines[0].find("READY").unwrap();
        assert_eq!((lines[1].find("True"), lines[2].find("False")), (Some(column), Some(column)));
    }
}
