//! The label names are those of the API.

use federation_model::label;
use tenancy::ScopeKeys;

#[test]
fn the_default_keys_are_the_api_s() {
    let keys = ScopeKeys::default();
    assert_eq!(
        (keys.tenant.as_str(), keys.workspace_group.as_str()),
        (label::TENANT, label::WORKSPACE_GROUP)
    );
}
