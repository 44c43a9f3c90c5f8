//! Lists that may be long, page by page, so that their length costs no memory.

use std::fmt::Debug;
use std::ops::ControlFlow;

use kube::api::{Api, ListParams};
use serde::de::DeserializeOwned;

/// Objects of one page.
pub const PAGE: u32 = 500;

/// Shows every object of a list to `see`, until it says to stop. Where the kind is not served, there are none.
///
/// # Errors
/// The API server does not answer, or refuses it.
pub async fn for_each<K>(api: &Api<K>, mut see: impl FnMut(K) -> ControlFlow<()>) -> kube::Result<()>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let list = match api.list(&params).await {
            Ok(list) => list,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(error) => return Err(error),
        };
        for object in list.items {
            if see(object).is_break() {
                return Ok(());
            }
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// All objects of a list.
///
/// # Errors
/// As for [`for_each`].
pub async fn all<K>(api: &Api<K>) -> kube::Result<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut items = Vec::new();
    for_each(api, |object| {
        items.push(object);
        ControlFlow::Continue(())
    })
    .await?;
    Ok(items)
}
