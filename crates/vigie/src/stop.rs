//! When to stop: SIGINT (Ctrl-C), SIGTERM, or the end of the terminal that the command was given in.

use std::io::IsTerminal;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Doing, Failure};

/// The runtime that a long-running command lives in.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().doing("start the runtime")
}

/// Completes at the first signal to stop. A second one ends the process at once: whoever is at the keyboard knows why.
pub fn requested() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).doing("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listen for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).doing("listen for SIGHUP")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = terminal_ended(&mut hangup) => {}
        }
        tracing::info!("stopping");
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(130);
        });
    })
}

/// A service has no terminal: there, SIGHUP is somebody's custom for "read your files again", and no reason to end.
async fn terminal_ended(hangup: &mut Signal) {
    while hangup.recv().await.is_some() && !std::io::stdin().is_terminal() {
        tracing::info!(
            "SIGHUP does not end a service; changed certificates, access keys and a moved audit log are noticed \
             without it"
        );
    }
}
