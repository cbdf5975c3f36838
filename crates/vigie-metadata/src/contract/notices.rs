//! What is published while somebody listens is heard by him, once, unless it is lost; an engine loses none without a fault.

use std::sync::Arc;

use futures_util::future::join;

use crate::{Notice, Notices, Subscription};

fn hub(name: &str) -> Notice {
    Notice::HubChanged { hub_device_arn: name.to_owned() }
}

fn listen(notices: &Arc<dyn Notices>, to: &[Notice]) -> Box<dyn Subscription> {
    notices.subscribe(to.iter().cloned().collect())
}

pub(super) async fn what_is_published_is_heard_by_all_who_listen_to_it(notices: Arc<dyn Notices>) {
    let mut first = listen(&notices, &[hub("a")]);
    let mut second = listen(&notices, &[hub("a"), Notice::DeadlineSet]);
    notices.publish(&hub("a"));
    first.heard().await;
    second.heard().await;
    notices.publish(&Notice::DeadlineSet);
    second.heard().await;
    assert!(!first.has_heard(), "it listens to something else");
}

pub(super) async fn what_is_published_while_nobody_waits_is_heard_at_once(
    notices: Arc<dyn Notices>,
) {
    let mut listening = listen(&notices, &[hub("a")]);
    for _ in 0..3 {
        notices.publish(&hub("a"));
    }
    listening.heard().await;
    // Who has heard looks again, and what he then sees has all three.
    notices.publish(&hub("a"));
    listening.heard().await;
    assert!(!listening.has_heard());
}

pub(super) async fn who_waits_is_woken(notices: Arc<dyn Notices>) {
    let mut listening = listen(&notices, &[hub("a")]);
    let wait = listening.heard();
    // Polled in this order: who waits is there before.
    join(wait, async { notices.publish(&hub("a")) }).await;
    assert!(!listening.has_heard());
}

pub(super) async fn what_came_before_or_is_another_s_is_not_heard(notices: Arc<dyn Notices>) {
    let mut before = listen(&notices, &[hub("a"), hub("b")]);
    notices.publish(&hub("a"));
    before.heard().await;
    let mut listening = listen(&notices, &[hub("a")]);
    notices.publish(&hub("b"));
    notices.publish(&Notice::SecretChanged { secret_arn: "a".to_owned() });
    notices.publish(&Notice::MediaChanged { stream: "a".to_owned() });
    before.heard().await;
    assert!(!listening.has_heard());
}
