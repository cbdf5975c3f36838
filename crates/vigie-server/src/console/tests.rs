//! Which paths are the console's, and what its files are sent with.

use hyper::header::HeaderName;

use super::*;

fn get(path: &str, headers: &[(HeaderName, &str)]) -> Option<Response<ResponseBody>> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect();
    answer(&ServerConfig::new("data"), &Method::GET, path, &headers)
}

fn body(response: Response<ResponseBody>) -> Bytes {
    match response.into_body() {
        ResponseBody::Whole(bytes) => bytes.unwrap_or_default(),
        _ => panic!("a file comes whole"),
    }
}

#[test]
fn other_paths_are_not_the_consoles() {
    for path in ["/", "/consoles", "/describeStream", "/metrics"] {
        assert!(get(path, &[]).is_none(), "{path}");
    }
}

#[test]
fn the_bare_name_leads_to_the_folder() {
    let response = get("/console", &[]).unwrap();
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()[LOCATION], "/console/");
}

#[test]
fn every_answer_forbids_other_origins() {
    for path in ["/console", "/console/", "/console/nothing", "/console/settings.json"] {
        let response = get(path, &[]).unwrap();
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{path}");
        for word in ["http:", "https:", "*", "unsafe"] {
            assert!(!policy.contains(word), "{word} in {policy}");
        }
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[test]
fn only_reading_is_answered() {
    let post = answer(
        &ServerConfig::new("data"),
        &Method::POST,
        "/console/settings.json",
        &HeaderMap::new(),
    );
    assert_eq!(post.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn unknown_and_escaping_names_are_not_found() {
    for path in ["/console/nothing", "/console/../metrics", "/console/assets/", "/console//etc"] {
        assert_eq!(get(path, &[]).unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn the_settings_name_the_region_that_signatures_need() {
    let settings = body(get("/console/settings.json", &[]).unwrap());
    let settings: serde_json::Value = serde_json::from_slice(&settings).unwrap();
    assert_eq!(settings["Region"], "us-east-1");
    assert_eq!(settings["AccountId"], "000000000000");
    // Nor does the page ask for pictures where none are made.
    assert_eq!(settings["Images"], false);
}

#[test]
fn the_first_page_is_the_console_or_says_how_to_build_it() {
    let response = get("/console/", &[]).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    let page = String::from_utf8(body(response).to_vec()).unwrap();
    assert_eq!(page.contains("npm --prefix console run build"), ASSETS.is_empty(), "{page}");
}

#[test]
fn each_file_of_a_built_console_comes_compressed_once_and_is_known_again() {
    for asset in ASSETS {
        let path = format!("/console/{}", asset.name);
        let coding = |response: &Response<ResponseBody>| {
            response
                .headers()
                .get(CONTENT_ENCODING)
                .map(|coding| coding.to_str().unwrap().to_owned())
        };
        let first = get(&path, &[(ACCEPT_ENCODING, "gzip, deflate, br")]).unwrap();
        assert_eq!(first.status(), StatusCode::OK, "{path}");
        assert_eq!(coding(&first).as_deref(), asset.brotli.map(|_| "br"), "{path}");
        let older = get(&path, &[(ACCEPT_ENCODING, "gzip;q=0.5")]).unwrap();
        assert_eq!(coding(&older).as_deref(), asset.gzip.map(|_| "gzip"), "{path}");
        assert_ne!(first.headers()[CONTENT_TYPE], "application/octet-stream", "{path}");
        let etag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let plain = get(&path, &[(ACCEPT_ENCODING, "gzip;q=0")]).unwrap();
        assert_eq!(body(plain), asset.plain, "{path}");
        let again = get(&path, &[(IF_NONE_MATCH, &etag)]).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert!(body(again).is_empty());
    }
}

#[test]
fn a_coding_is_for_those_who_take_it() {
    let check = |accepted: &str, expect: bool| {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, accepted.parse().unwrap())]);
        assert_eq!(takes(&headers, "gzip"), expect, "{accepted}");
    };
    check("gzip", true);
    check("br, GZIP ; q=0.8", true);
    check("gzip; q=0.0", false);
    check("br, deflate", false);
    check("", false);
    assert!(!takes(&HeaderMap::new(), "gzip"));
}
