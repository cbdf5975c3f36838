//! Where the data operations of a stream are: this server itself (KVS API_GetDataEndpoint).

use vigie_kvs::KvsError;
use vigie_kvs::shapes::media::{GetDataEndpointInput, GetDataEndpointOutput};

use super::{Call, Control};
use crate::config::ServerConfig;
use crate::failure::Answer;

pub(crate) async fn get_data_endpoint(
    control: &Control,
    call: &Call,
    input: GetDataEndpointInput,
) -> Answer<GetDataEndpointOutput> {
    control.streams.active(call, &input.stream()?).await?;
    Ok(GetDataEndpointOutput {
        data_endpoint: base_url(&control.config, control.process.listen_port(), call)?,
    })
}

/// Where the caller reaches this server.
pub(crate) fn base_url(
    config: &ServerConfig,
    listen_port: u16,
    call: &Call,
) -> Result<String, KvsError> {
    if let Some(url) = &config.public_url {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let host = call
        .host
        .as_deref()
        .ok_or_else(|| KvsError::invalid_argument("the Host header must name this server"))?;
    Ok(endpoint_of_host(host, listen_port, config.tls.is_some()))
}

/// The address under which the caller reached this server. Amazon's C producers leave the port out of `Host` (seen
/// from producer 1.6.4), so a missing one is the port that this server listens on.
fn endpoint_of_host(host: &str, listen_port: u16, tls: bool) -> String {
    let (scheme, default_port) = if tls { ("https", 443) } else { ("http", 80) };
    let name = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match name.contains(':') || listen_port == default_port {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}://{host}:{listen_port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_its_port_gets_the_port_of_the_listener() {
        let check =
            |host, port, expect: &str| assert_eq!(endpoint_of_host(host, port, false), expect);
        check("127.0.0.1:8440", 8440, "http://127.0.0.1:8440");
        check("localhost", 8440, "http://localhost:8440");
        check("video.example:81", 8440, "http://video.example:81");
        check("[::1]:8440", 8440, "http://[::1]:8440");
        check("[::1]", 8440, "http://[::1]:8440");
        check("video.example", 80, "http://video.example");
    }

    #[test]
    fn a_server_with_tls_names_https() {
        let check =
            |host, port, expect: &str| assert_eq!(endpoint_of_host(host, port, true), expect);
        check("127.0.0.1:8440", 8440, "https://127.0.0.1:8440");
        check("video.example", 8440, "https://video.example:8440");
        check("video.example", 443, "https://video.example");
        check("video.example", 80, "https://video.example:80");
    }
}
