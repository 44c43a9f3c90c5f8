//! `multipleOf`, `maximum`, `minimum`, and the ranges of formats.

use serde_json::Number;

use super::Check;
use crate::field_error::FieldError;
use crate::go_text::{Num, float_plain, float_text};
use crate::node::{Kind, Node};
use crate::path::Path;

/// Whether Go's validators take a float for an integer: exactly, or very nearly.
pub(crate) fn is_json_integer(float: f64) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    if !(-LARGEST..=LARGEST).contains(&float) {
        return false;
    }
    let whole = float.trunc();
    #[expect(clippy::float_cmp, reason = "exactly an integer")]
    if float == whole {
        return true;
    }
    // Their conversion to an unsigned integer makes a large number of a negative one.
    let whole = if float < 0.0 { 18_446_744_073_709_551_616.0 + whole } else { whole };
    whole != 0.0 && (float - whole).abs() / (float.abs() + whole.abs()) < 1e-9
}

/// A bound from above or from below.
#[derive(Clone, Copy)]
enum Side {
    Maximum,
    Minimum,
}

/// What the type and its format say of the range.
#[derive(Clone, Copy)]
struct Range<'n> {
    kind: Option<Kind>,
    format: Option<&'n str>,
}

impl Range<'_> {
    fn of(node: &Node) -> Range<'_> {
        let kind =
            node.kind.filter(|kind| matches!(kind, Kind::Integer | Kind::Number) && !node.int_or_string);
        let format = node.keywords.as_ref().and_then(|keywords| keywords.format.as_ref());
        Range { kind, format: format.filter(|_| kind.is_some()).map(|format| format.name.as_str()) }
    }

    fn holds(self, number: Num) -> bool {
        let integer = || match number {
            Num::Int(int) => Some(int),
            Num::Float(float) => float_plain(float).parse::<i64>().ok(),
        };
        match (self.kind, self.format) {
            (Some(Kind::Integer), Some("int32")) => integer().is_some_and(|int| i32::try_from(int).is_ok()),
            (Some(Kind::Integer), _) => integer().is_some(),
            #[expect(clippy::cast_possible_truncation, reason = "what is asked is whether it overflows")]
            (_, Some("float")) => (number.float() as f32).is_finite(),
            _ => true,
        }
    }

    fn problem(self, what: &str, path: &str) -> String {
        let kind = self.kind.map_or("", Kind::name);
        match self.format {
            Some(format) => format!("{what} value must be of type {kind} with format {format} in {path}"),
            None => format!("{what} value must be of type {kind} (default format) in {path}"),
        }
    }
}

impl Check<'_> {
    pub(super) fn check_number(&mut self, node: &Node, number: &Number, path: &Path<'_>) {
        let number = Num::of(number);
        let range = Range::of(node);
        if !range.holds(number) {
            self.report_whole(range.problem("Checked", &path.dotted()));
        }
        let Some(keywords) = node.keywords.as_deref() else { return };
        if let Some(factor) = keywords.multiple_of {
            let number = self.comparable(range, number, factor, "MultipleOf", path);
            self.check_multiple(number, factor, path);
        }
        if let Some(max) = keywords.maximum {
            let number = self.comparable(range, number, max, "Maximum boundary", path);
            self.check_bound(Side::Maximum, number, max, keywords.exclusive_maximum, path);
        }
        if let Some(min) = keywords.minimum {
            let number = self.comparable(range, number, min, "Minimum boundary", path);
            self.check_bound(Side::Minimum, number, min, keywords.exclusive_minimum, path);
        }
    }

    /// The number in the form in which it is compared with a limit. A limit that is not of the schema's own type is
    /// reported, and compared with as a float.
    fn comparable(&mut self, range: Range<'_>, number: Num, limit: f64, what: &str, path: &Path<'_>) -> Num {
        if range.holds(Num::Float(limit)) {
            return number;
        }
        self.report_whole(range.problem(what, &path.dotted()));
        Num::Float(number.float())
    }

    fn check_bound(&mut self, side: Side, number: Num, limit: f64, exclusive: bool, path: &Path<'_>) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "integers are compared with the limit's whole part"
        )]
        let (order, limit) = match number {
            Num::Int(int) => (Some(int.cmp(&(limit as i64))), (limit as i64).to_string()),
            Num::Float(float) => (float.partial_cmp(&limit), float_text(limit)),
        };
        let Some(order) = order else { return };
        let (beyond, words) = match (side, exclusive) {
            (Side::Maximum, false) => (order.is_gt(), "less than or equal to"),
            (Side::Maximum, true) => (order.is_ge(), "less than"),
            (Side::Minimum, false) => (order.is_lt(), "greater than or equal to"),
            (Side::Minimum, true) => (order.is_le(), "greater than"),
        };
        if beyond {
            let text = format!("should be {words} {limit}");
            self.report(path, text, |field, text| FieldError::invalid(field, &number.value(), text));
        }
    }

    fn check_multiple(&mut self, number: Num, factor: f64, path: &Path<'_>) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "integers are divided by the factor's whole part"
        )]
        let (factor, holds) = match number {
            Num::Int(int) => {
                let factor = factor as i64;
                (Num::Int(factor), (factor > 0).then(|| int % factor == 0))
            }
            Num::Float(float) => {
                let times = if factor < 1.0 { 1.0 / factor * float } else { float / factor };
                (Num::Float(factor), (factor > 0.0).then(|| is_json_integer(times)))
            }
        };
        match holds {
            Some(true) => {}
            Some(false) => {
                let text = format!("should be a multiple of {}", factor.text());
                self.report(path, text, |field, text| FieldError::invalid(field, &number.value(), text));
            }
            None => {
                let text = format!(
                    "factor MultipleOf declared for {} must be positive: {}",
                    path.dotted(),
                    factor.text()
                );
                self.report(path, text.clone(), |field, _| {
                    FieldError::invalid(field, &factor.value(), &text)
                });
            }
        }
    }
}
