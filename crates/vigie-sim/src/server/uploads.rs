//! The hub's PutMedia connections: pieces of the body go in, what the answer says is heard.
//!
//! Before them stands what may refuse fragments in the server's name, as a service does that holds to other rules: it reads
//! along, and of a fragment that it refuses the end never reaches the server.

use std::io;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use vigie_agent::core::{CallFailure, Event, Session, UploadEvent};
use vigie_engine::clock::Clock;
use vigie_kvs::FragmentNumber;
use vigie_kvs::acknowledgement::{
    Acknowledgement, AcknowledgementEvent, AcknowledgementReader, ErrorId,
};
use vigie_media::matroska::{Event as MediaEvent, FragmentReader, Limits};
use vigie_server::{BodyError, ResponseBody};

use super::{CALLERS, Client, Heard, ROOT, SimServer};
use crate::executor::TaskId;

/// One of them.
pub(super) struct Upload {
    body: mpsc::UnboundedSender<Result<Bytes, BodyError>>,
    listening: TaskId,
    reader: FragmentReader,
}

impl SimServer {
    /// PutMedia begins.
    pub fn open_upload(&mut self, session: Session) {
        let Some(client) = self.client(ROOT) else { return };
        let (body, pieces) = mpsc::unbounded_channel();
        let (heard, of) = (Arc::clone(&self.heard), session.clone());
        let listening = self.executor.spawn(CALLERS, async move {
            let failure = listen(&client, &of, pieces, &heard).await.err();
            say(&heard, &of, UploadEvent::Closed { failure });
        });
        let reader = FragmentReader::new(Limits::KVS);
        self.uploads.insert(session, Upload { body, listening, reader });
    }

    /// Bytes of a body; those of a connection that is gone are dropped.
    pub fn receive(&mut self, session: &Session, bytes: &Bytes) {
        let Some(upload) = self.uploads.get_mut(session) else { return };
        upload.reader.push(bytes);
        while let Ok(Some(event)) = upload.reader.next_event() {
            let MediaEvent::FragmentEnd(fragment) = event else { continue };
            if let Some(error) = (self.refuse)(fragment.timecode_ms) {
                return self.refuse_fragment(session, error, fragment.timecode_ms);
            }
        }
        // One that has ended takes nothing more.
        drop(upload.body.send(Ok(bytes.clone())));
    }

    fn refuse_fragment(&mut self, session: &Session, error: ErrorId, timecode_ms: i64) {
        self.cut(session);
        let number = FragmentNumber::new(1, self.clock.now().wall, 0);
        let refusal = Acknowledgement::of(AcknowledgementEvent::Error(error), timecode_ms, number);
        say(&self.heard, session, UploadEvent::Acknowledged(refusal));
        say(&self.heard, session, UploadEvent::Closed { failure: None });
    }

    /// The end of a body.
    pub fn end_of_body(&mut self, session: &Session) {
        if let Some(upload) = self.uploads.get_mut(session) {
            upload.body = mpsc::unbounded_channel().0;
        }
    }

    /// The connection broke.
    pub fn cut(&mut self, session: &Session) {
        if let Some(upload) = self.uploads.remove(session) {
            self.executor.cancel(upload.listening);
            let error = io::Error::from(io::ErrorKind::ConnectionReset);
            drop(upload.body.send(Err(error.into())));
        }
    }
}

fn say(heard: &Heard, session: &Session, event: UploadEvent) {
    let event = Event::Upload { session: session.clone(), event };
    heard.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
}

async fn listen(
    client: &Client,
    session: &Session,
    pieces: mpsc::UnboundedReceiver<Result<Bytes, BodyError>>,
    heard: &Heard,
) -> Result<(), CallFailure> {
    let mut answer = client.put_media(&session.stream, pieces).await?;
    say(heard, session, UploadEvent::Connected);
    let mut lines = AcknowledgementReader::default();
    while let Some(acknowledgements) = next_acknowledgements(&mut answer, &mut lines).await {
        for acknowledgement in acknowledgements {
            say(heard, session, UploadEvent::Acknowledged(acknowledgement));
        }
    }
    Ok(())
}

/// What comes next of an answer; `None` at its end.
pub(crate) async fn next_acknowledgements(
    answer: &mut ResponseBody,
    lines: &mut AcknowledgementReader,
) -> Option<Vec<Acknowledgement>> {
    let Ok(frame) = answer.frame().await?;
    let lines = frame.data_ref().map_or(Ok(Vec::new()), |bytes| lines.push(bytes));
    Some(lines.unwrap_or_else(|error| panic!("an acknowledgement: {error}")))
}
