//! Makes, lists and revokes share links, for those who may see what they show.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use vigie_kvs::iam::Tags;
use vigie_kvs::operation::{EXPORT_CLIP, GET_CLIP, GET_HLS_STREAMING_SESSION_URL};
use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::share_link::{
    CreateShareLinkInput, CreateShareLinkOutput, ListShareLinksInput, ListShareLinksOutput,
    RevokeShareLinkInput, ShareLink as WireShareLink, ShareLinkKind,
};
use vigie_kvs::{ErrorKind, KvsError, Operation, Sensitive};
use vigie_media::Timestamp;

use super::ShareLinks;
use crate::api::data_endpoint::base_url;
use crate::api::{Call, page_token};
use crate::auth::{Resource, authorize, fill_random};
use crate::db::ShareLink;
use crate::failure::Answer;

const PAGE_DEFAULT: u32 = 100;
/// Of a stream, those that ended lately included.
const LINKS_MAX: usize = 1000;
/// So long after its end a link is still listed.
const LISTED_AFTER_END_MS: i64 = 30 * 24 * 3600 * 1000;
const SECRET_BYTES: usize = 16;

pub(crate) async fn create_share_link(
    links: &ShareLinks,
    call: &Call,
    input: CreateShareLinkInput,
) -> Answer<CreateShareLinkOutput> {
    let media = &links.media;
    let stream = media.streams.active(call, &input.stream()?).await?;
    // Nobody gives what he does not have.
    let tags = match call.identity.permissions.ask_for_tags() {
        true => media.streams.db.tags(&stream.arn).await?,
        false => Tags::new(),
    };
    let resource = Resource { arn: &stream.arn, named: &stream.arn, tags: &tags };
    let shown: &[&Operation] = match input.kind {
        ShareLinkKind::Stream => &[&GET_HLS_STREAMING_SESSION_URL, &GET_CLIP],
        ShareLinkKind::Clip => &[&GET_HLS_STREAMING_SESSION_URL, &GET_CLIP, &EXPORT_CLIP],
    };
    for operation in shown {
        authorize(&call.identity, operation, resource)
            .map_err(|error| KvsError::new(call.operation.denied_error(), error.message))?;
    }
    input.check()?;
    if stream.retention_hours == 0 {
        let message = "the stream keeps no media: its data retention is 0 hours";
        return Err(KvsError::new(ErrorKind::NoDataRetention, message).into());
    }
    let now = media.process.now().wall;
    let secret = new_secret()?;
    let link = ShareLink {
        link_id: format!("{:016x}", media.process.chance().next_u64()),
        secret_sha256: hash_of(&secret),
        stream_arn: stream.arn,
        stream_name: stream.name,
        kind: input.kind,
        starts_at: input.start_timestamp.unwrap_or(now),
        ends_at: input.end_timestamp,
        principal_arn: call.identity.principal_arn.clone(),
        maker_id: call.identity.principal.to_string(),
        created_at: now,
        expires_at: now.plus_millis(input.expires.saturating_mul(1000)),
        revoked_at: None,
    };
    let forget_before = now.plus_millis(-LISTED_AFTER_END_MS);
    if !media.streams.db.create_share_link(&link, LINKS_MAX, forget_before).await? {
        let message = format!(
            "the stream has {LINKS_MAX} links, or was deleted; links are forgotten 30 days after their end"
        );
        return Err(KvsError::new(ErrorKind::ClientLimitExceeded, message).into());
    }
    call.made_resource.get_or_init(|| share_link_resource(&link));
    let base = base_url(&media.config, media.process.listen_port(), call)?;
    let url = format!("{base}/console/#/shared/{}", secret.expose());
    Ok(CreateShareLinkOutput { share_link: wire(link), share_link_url: Sensitive::new(url) })
}

pub(crate) async fn list_share_links(
    links: &ShareLinks,
    call: &Call,
    input: ListShareLinksInput,
) -> Answer<ListShareLinksOutput> {
    let streams = &links.media.streams;
    let stream = streams.active(call, &input.stream()?).await?;
    let behind: Option<(i64, String)> =
        input.next_token.as_deref().map(page_token::read).transpose()?;
    let behind = behind.as_ref().map(|(ms, id)| (Timestamp::from_millis(*ms), id.as_str()));
    let limit = input.max_results.unwrap_or(PAGE_DEFAULT) as usize;
    let mut found = streams.db.list_share_links(&stream.arn, behind, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let position = last.map(|link| (link.created_at.as_millis(), &link.link_id));
    let next_token = position.map(|position| page_token::write(&position)).transpose()?;
    Ok(ListShareLinksOutput { share_links: found.into_iter().map(wire).collect(), next_token })
}

pub(crate) async fn revoke_share_link(
    links: &ShareLinks,
    call: &Call,
    input: RevokeShareLinkInput,
) -> Answer<Empty> {
    let streams = &links.media.streams;
    let stream = streams.active(call, &input.stream()?).await?;
    let not_found = || KvsError::not_found("the stream has no link of this LinkId");
    let link = streams.db.share_link(&input.link_id).await?;
    // Who may revoke those of one stream does not reach another's.
    let link = link.filter(|link| link.stream_arn == stream.arn).ok_or_else(not_found)?;
    call.made_resource.get_or_init(|| share_link_resource(&link));
    // One that was revoked before is as it should be.
    let now = links.media.process.now().wall;
    let is_new = streams.db.revoke_share_link(&link.link_id, now).await?;
    tracing::info!(link = link.link_id, stream = link.stream_name, is_new, "share link revoked");
    Ok(Empty {})
}

/// A link as the audit log names it.
pub(crate) fn share_link_resource(link: &ShareLink) -> String {
    format!("{}/share-link/{}", link.stream_arn, link.link_id)
}

fn wire(link: ShareLink) -> WireShareLink {
    WireShareLink {
        link_id: link.link_id,
        stream_arn: link.stream_arn,
        stream_name: link.stream_name,
        kind: link.kind,
        start_timestamp: link.starts_at,
        end_timestamp: link.ends_at,
        principal_arn: link.principal_arn,
        creation_time: link.created_at,
        expiration_time: link.expires_at,
        revocation_time: link.revoked_at,
    }
}

fn new_secret() -> Answer<Sensitive> {
    let mut bytes = [0; SECRET_BYTES];
    fill_random(&mut bytes)?;
    Ok(Sensitive::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// Of a secret as it stands in the URL.
pub(super) fn hash_of(secret: &Sensitive) -> [u8; 32] {
    Sha256::digest(secret.expose().as_bytes()).into()
}
