//! Whether a camera's marker bits are believed.
//!
//! The marker ends a picture without the wait for the next packet (RFC 6184 section 5.1, RFC 7798 section 4.1). Cameras
//! were seen to set it on each slice, on each packet, or never, so it has to show first that it is right.

/// Pictures in a row whose only marker ended them, a key picture among them, before it is believed: with fewer, a camera
/// whose small pictures have one slice and whose key pictures have several would cost a key picture.
const RIGHT: u32 = 32;

/// What is known of the camera's markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    Learning { right: u32, key_frame: bool },
    Believed,
    Ignored,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Markers {
    belief: Belief,
    is_said: bool,
}

impl Markers {
    pub(super) const fn new() -> Self {
        Self { belief: Belief::Learning { right: 0, key_frame: false }, is_said: false }
    }

    /// Whether a marker ends a picture at once.
    pub(super) fn are_believed(&self) -> bool {
        self.belief == Belief::Believed
    }

    /// Whether they were seen to be wrong.
    pub(super) fn are_ignored(&self) -> bool {
        self.belief == Belief::Ignored
    }

    /// A picture ended because the next began; its last packet had the only marker, or not. Returns whether it is to be
    /// said that they are wrong.
    pub(super) fn ended(&mut self, is_marked: bool, key_frame: bool) -> bool {
        let Belief::Learning { right, key_frame: had_key_frame } = self.belief else {
            return false;
        };
        if !is_marked {
            self.belief = Belief::Learning { right: 0, key_frame: false };
            return self.say();
        }
        let (right, key_frame) = (right + 1, key_frame || had_key_frame);
        self.belief = match right >= RIGHT && key_frame {
            true => Belief::Believed,
            false => Belief::Learning { right, key_frame },
        };
        false
    }

    /// A picture went on behind a marker. Returns whether that is to be said.
    pub(super) fn distrust(&mut self) -> bool {
        self.belief = Belief::Ignored;
        self.say()
    }

    /// Once a session.
    fn say(&mut self) -> bool {
        !std::mem::replace(&mut self.is_said, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_believed_behind_a_group_of_pictures_and_never_again_once_they_were_wrong() {
        let mut markers = Markers::new();
        (0..100).for_each(|_| assert!(!markers.ended(true, false)));
        assert!(!markers.are_believed());
        assert!(!markers.ended(true, true));
        assert!(markers.are_believed());
        assert!(markers.distrust());
        assert!(markers.are_ignored());
        (0..100).for_each(|_| assert!(!markers.ended(true, true)));
        assert!(markers.are_ignored() && !markers.distrust());
    }

    #[test]
    fn one_that_is_missing_begins_the_count_anew_and_is_said_once() {
        let mut markers = Markers::new();
        (1..RIGHT).for_each(|_| assert!(!markers.ended(true, true)));
        assert!(markers.ended(false, true));
        (1..RIGHT).for_each(|_| assert!(!markers.ended(true, true)));
        assert!(!markers.are_believed());
        assert!(!markers.ended(false, true));
        (0..RIGHT).for_each(|_| assert!(!markers.ended(true, true)));
        assert!(markers.are_believed());
    }
}
