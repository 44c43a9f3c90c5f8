//! Who converts the objects of a definition.

use std::sync::Arc;

use serde_json::Value;

use crate::conversion::{Conversion, Convert};

/// Finds the converter of a definition whose versions differ in more than their name.
pub trait Converters: Send + Sync {
    /// The converter; `None` leaves the definition to its own `spec.conversion`.
    fn of(&self, definition: &Value) -> Option<Arc<dyn Convert>>;
}

/// No converters: every definition says itself how its versions are converted.
impl Converters for () {
    fn of(&self, _definition: &Value) -> Option<Arc<dyn Convert>> {
        None
    }
}

/// The conversion of a definition.
pub(super) fn conversion(definition: &Value, converters: &dyn Converters) -> Conversion {
    converters.of(definition).map_or(Conversion::None, Conversion::By)
}
