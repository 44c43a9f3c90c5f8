//! Objects as `meta.k8s.io` Tables: what `kubectl get` shows.

mod builtin;
mod custom;
mod json_path;
mod text;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::builtin::Kind;
use custom::CustomColumn;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column<'a> {
    name: &'a str,
    kind: &'a str,
    format: &'a str,
    description: &'a str,
    /// 0 is always shown, more with `-o wide`.
    priority: i64,
}

impl<'a> Column<'a> {
    const fn new(name: &'a str, kind: &'a str, priority: i64) -> Self {
        Self { name, kind, format: "", description: "", priority }
    }

    /// The name of the object itself.
    const NAME: Self = Self {
        format: "name",
        description: "The object's name, unique in its namespace.",
        ..Self::new("Name", "string", 0)
    };

    fn definition(self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

/// What a row holds of its object (`includeObject`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as a `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// Reads the parameter; `None` for a value that is not one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "None" => Some(Self::None),
            "" | "Metadata" => Some(Self::Metadata),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// How a table is asked for.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions<'a> {
    /// The version of `meta.k8s.io`: `v1`, or `v1beta1` of old clients.
    pub version: &'a str,
    /// What rows hold of their objects.
    pub include: IncludeObject,
    /// Whether the columns are described. A watch describes them in its first event only.
    pub headers: bool,
    /// The time to which ages run.
    pub now: Timestamp,
}

/// How the objects of one resource become rows.
#[derive(Clone, Debug)]
pub struct TableFormat {
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    Builtin(&'static builtin::Printer),
    Custom(Vec<CustomColumn>),
    /// Name and time of creation, for kinds that have no columns of their own.
    Plain,
}

impl TableFormat {
    /// The format of a built-in kind.
    pub fn of_kind(kind: &Kind) -> Self {
        Self { cells: builtin::printer(kind).map_or(Cells::Plain, Cells::Builtin) }
    }

    /// The format of a subresource's `Scale`.
    pub fn of_scale() -> Self {
        Self { cells: Cells::Builtin(&builtin::SCALE) }
    }

    /// The format of a custom resource, from its version's `additionalPrinterColumns`. A definition without columns
    /// has one for the age.
    pub fn of_custom_resource(columns: &Value) -> Self {
        Self { cells: Cells::Custom(custom::columns(columns)) }
    }

    /// A table of objects. `metadata` is the list's (`resourceVersion`, `continue`, `remainingItemCount`), or what a
    /// single object has of that.
    pub fn table<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a Value>,
        metadata: Value,
        options: TableOptions<'_>,
    ) -> Value {
        let rows: Vec<_> = objects.into_iter().map(|object| self.row(object, options)).collect();
        let columns = if options.headers {
            Value::Array(self.columns().into_iter().map(Column::definition).collect())
        } else {
            Value::Null
        };
        json!({
            "kind": "Table",
            "apiVersion": format!("meta.k8s.io/{}", options.version),
            "metadata": metadata,
            "columnDefinitions": columns,
            "rows": rows,
        })
    }

    fn columns(&self) -> Vec<Column<'_>> {
        match &self.cells {
            Cells::Builtin(printer) => printer.columns.to_vec(),
            Cells::Custom(columns) => {
                std::iter::once(Column::NAME).chain(columns.iter().map(CustomColumn::column)).collect()
            }
            Cells::Plain => vec![Column::NAME, Column::new("Created At", "date", 0)],
        }
    }

    fn row(&self, object: &Value, options: TableOptions<'_>) -> Value {
        let name = || Value::from(text::of(object, "/metadata/name"));
        let cells = match &self.cells {
            Cells::Builtin(printer) => (printer.cells)(object, options.now),
            Cells::Custom(columns) => {
                let cells = columns.iter().map(|column| column.cell(object, options.now));
                std::iter::once(name()).chain(cells).collect()
            }
            Cells::Plain => vec![name(), Value::from(text::of(object, "/metadata/creationTimestamp"))],
        };
        let shown = match options.include {
            IncludeObject::None => Value::Null,
            IncludeObject::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": format!("meta.k8s.io/{}", options.version),
                "metadata": object["metadata"],
            }),
            IncludeObject::Object => object.clone(),
        };
        let mut row = json!({"cells": cells, "object": shown});
        if let Cells::Builtin(printer) = &self.cells
            && let Some(conditions) = (printer.conditions)(object)
        {
            row["conditions"] = conditions;
        }
        row
    }
}
