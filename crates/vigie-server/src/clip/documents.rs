//! The stored fragments of a file that is made, with their documents' headers.

use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::{DocumentHeader, Limits};

use crate::archive::{ArchiveError, DocumentId, StoredFragment};
use crate::failure::Answer;
use crate::media::Media;

/// The document headers of fragments; those of one media file share theirs.
pub(crate) struct Documents {
    pub(super) media: Arc<Media>,
    current: Option<(DocumentId, Arc<DocumentHeader>)>,
}

impl Documents {
    pub(crate) fn new(media: &Arc<Media>) -> Self {
        Self { media: Arc::clone(media), current: None }
    }

    pub(crate) async fn header(
        &mut self,
        fragment: &StoredFragment,
    ) -> Result<Arc<DocumentHeader>, ArchiveError> {
        let file = fragment.document;
        if let Some((of, header)) = &self.current
            && *of == file
        {
            return Ok(Arc::clone(header));
        }
        let raw = self.media.fragments.read_header(fragment).await?;
        let header = DocumentHeader::parse(&raw, Limits::FILE)
            .map_err(|error| ArchiveError::Header(error.to_string()))?;
        let header = Arc::new(header);
        self.current = Some((file, Arc::clone(&header)));
        Ok(header)
    }

    pub(crate) async fn read(
        &mut self,
        fragment: &StoredFragment,
    ) -> Result<(Arc<DocumentHeader>, Bytes), ArchiveError> {
        Ok((self.header(fragment).await?, self.media.fragments.read(fragment).await?))
    }
}

/// Media that was deleted since it was listed has expired: it is as if it had not been listed.
pub(crate) fn unless_gone<T>(read: Result<T, ArchiveError>) -> Answer<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(ArchiveError::FragmentGone) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
