//! Access keys and the temporary credentials that come from them, as tests make and revoke them.

use bytes::Bytes;
use http_body_util::Full;
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;
use vigie_server::auth::MasterKey;
use vigie_server::{AccessKeyError, NewPermissions, create_access_key, revoke_access_key};

use crate::{Answer, TestServer, collect, config, parse_credentials};

/// Makes a key as the command line does.
pub async fn try_create(
    server: &TestServer,
    permissions: NewPermissions<'_>,
) -> Result<Credentials, AccessKeyError> {
    let master_key = MasterKey::from_bytes([7; 32]);
    let now = server.clock.wall();
    let (key, _) =
        create_access_key(&config(server.folder()), &master_key, permissions, "local:uid/1", now)
            .await?;
    Ok(parse_credentials(&key.credentials_file()))
}

/// A key of this policy.
pub async fn key(server: &TestServer, document: &str) -> Credentials {
    let permissions = NewPermissions::Policy { document, name: Some("tester") };
    try_create(server, permissions).await.unwrap()
}

/// Revokes a key as the command line does.
pub async fn revoke(server: &TestServer, credentials: &Credentials) -> Result<(), AccessKeyError> {
    let id = &credentials.access_key_id;
    revoke_access_key(&config(server.folder()), id, "local:uid/1", server.clock.wall()).await
}

/// A call of STS: its status and its XML.
pub async fn sts(server: &TestServer, by: &Credentials, form: &str) -> (u16, String) {
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
    let answer = post(server, by, "sts", &headers, form.to_owned()).await;
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

/// A call of a service that has one address.
pub async fn post(
    server: &TestServer,
    by: &Credentials,
    service: &str,
    headers: &[(&str, String)],
    body: String,
) -> Answer {
    let body = Bytes::from(body);
    let now = server.clock.wall();
    let request = server.signed(by, "/", service, headers, Some(&body), now);
    collect(server.send(request.map(|()| Full::new(body))).await).await
}

/// The text of an XML element.
pub fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once(&format!("</{name}>")).unwrap().0
}

/// GetSessionToken.
pub async fn session(server: &TestServer, by: &Credentials, form: &str) -> Credentials {
    let form = format!("Action=GetSessionToken&Version=2011-06-15{form}");
    let (status, xml) = sts(server, by, &form).await;
    assert_eq!(status, 200, "{xml}");
    Credentials {
        access_key_id: element(&xml, "AccessKeyId").to_owned(),
        secret_access_key: Sensitive::new(element(&xml, "SecretAccessKey")),
        session_token: Some(Sensitive::new(element(&xml, "SessionToken"))),
    }
}
