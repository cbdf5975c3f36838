//! Settings.

use std::sync::Arc;

use super::winners;
use crate::MetadataDb;

pub(super) async fn one_is_saved_and_claimed_once(db: Arc<dyn MetadataDb>) {
    assert_eq!(db.setting("proof").await.unwrap(), None);
    let winners = winners(|number| {
        let db = Arc::clone(&db);
        let value = number.to_string();
        async move { db.claim_setting("proof", value.as_bytes()).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
    let claimed = db.setting("proof").await.unwrap();
    assert!(claimed.is_some());
    assert!(!db.claim_setting("proof", b"other").await.unwrap());
    assert_eq!(db.setting("proof").await.unwrap(), claimed);
    db.save_setting("proof", b"new").await.unwrap();
    db.save_setting("empty", b"").await.unwrap();
    assert_eq!(db.setting("proof").await.unwrap(), Some(b"new".to_vec()));
    assert_eq!(db.setting("empty").await.unwrap(), Some(Vec::new()));
}
