//! What every engine of the audit log holds to.

use std::net::SocketAddr;

use super::*;
use crate::config::ServerConfig;
use crate::time_text::rfc3339;
use vigie_media::Timestamp;

fn write(log: &dyn AuditLog, number: i64) {
    log.write(&AuditLine {
        time: &rfc3339(Timestamp::from_millis(1_795_000_000_000 + number)),
        request_id: Some("id"),
        principal_arn: "arn",
        action: &format!("a:{number}"),
        status: 200,
        remote_address: Some(&SocketAddr::from(([192, 0, 2, 1], 7)).to_string()),
        ..AuditLine::default()
    });
}

fn actions(page: &AuditPage) -> Vec<&str> {
    page.events.iter().map(|event| event.action.as_str()).collect()
}

async fn check(log: &dyn AuditLog) {
    log.written().await;
    assert_eq!(log.page(None, 3).await.unwrap(), AuditPage::default());
    for number in 0..7 {
        write(log, number);
    }
    log.written().await;
    let first = log.page(None, 3).await.unwrap();
    assert_eq!(actions(&first), ["a:6", "a:5", "a:4"]);
    assert_eq!(first.events[0].event_time, Timestamp::from_millis(1_795_000_000_006));
    assert_eq!(first.events[0].remote_address.as_deref(), Some("192.0.2.1:7"));
    // What comes meanwhile is in no later page.
    write(log, 7);
    log.written().await;
    let cursor = first.next.unwrap();
    let second = log.page(Some(&cursor), 3).await.unwrap();
    assert_eq!(actions(&second), ["a:3", "a:2", "a:1"]);
    assert_eq!(log.page(Some(&cursor), 3).await.unwrap(), second, "a cursor may be used again");
    let last = log.page(second.next.as_ref(), 3).await.unwrap();
    assert_eq!((actions(&last), &last.next), (vec!["a:0"], &None));
    let all = log.page(None, 8).await.unwrap();
    assert_eq!((all.events.len(), all.next), (8, None));
    let of_another = AuditCursor("another engine's".to_owned());
    let refused = log.page(Some(&of_another), 3).await;
    assert!(matches!(refused, Err(PageError::NotACursor)));
    assert_eq!(log.failures().get(), 0);
}

#[tokio::test]
async fn a_file_and_a_table_keep_the_same_log() {
    check(&MemoryAuditLog::default()).await;
    let folder = tempfile::tempdir().unwrap();
    check(&FileAuditLog::open(&ServerConfig::new(folder.path())).unwrap()).await;
}
