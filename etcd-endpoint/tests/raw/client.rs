//! The client that moves data.

use etcd_endpoint::client::{ClientError, EtcdClient};
use futures::TryStreamExt;

use crate::served::Served;

async fn pages(client: &EtcdClient, prefix: &[u8], revision: i64) -> Vec<Vec<(String, String)>> {
    let pages = client.range_pages(prefix, revision).map_ok(|page| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        page.iter().map(|kv| (text(&kv.key), text(&kv.value))).collect()
    });
    pages.try_collect().await.unwrap()
}

#[tokio::test]
async fn pages_are_of_one_revision_and_have_every_key() {
    let served = Served::memory().await;
    let client = served.client().await;
    let name = |i: usize| format!("/registry/objects/{i:04}");
    for i in 0..1200 {
        assert!(client.put_new(name(i), i.to_string(), 0).await.unwrap().is_some());
    }
    let revision = client.revision().await.unwrap();
    assert_eq!(client.put_new(name(7), "again", 0).await.unwrap(), None, "it is there");
    assert_eq!(client.revision().await.unwrap(), revision, "nothing was written");
    let lease = client.grant(60).await.unwrap();
    let last = client.put_new("/registry/other", "ends", lease).await.unwrap().unwrap();

    for prefix in [&b"/registry/"[..], b""] {
        let pages = pages(&client, prefix, revision).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 200]);
        let expected = (0..1200).map(|i| (name(i), i.to_string()));
        assert!(pages.into_iter().flatten().eq(expected));
    }
    assert_eq!(
        pages(&client, b"/registry/other", 0).await,
        [[("/registry/other".to_owned(), "ends".to_owned())]]
    );
    assert!(pages(&client, b"/nothing/", 0).await.is_empty());

    served.store.compact(u64::try_from(last).unwrap()).await.unwrap();
    let gone = client.range_pages(b"/registry/", revision).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(gone.is_compacted(), "{gone}");
}

#[tokio::test]
async fn what_is_no_etcd_is_told() {
    let wrong = EtcdClient::connect("localhost:2379", None).await.unwrap_err();
    assert!(matches!(wrong, ClientError::Url { .. }));
    let nobody = EtcdClient::connect("unix:///nowhere/etcd", None).await.unwrap_err();
    assert!(matches!(nobody, ClientError::Connect { .. }));
}
