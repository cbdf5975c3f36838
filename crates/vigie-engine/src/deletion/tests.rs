//! Plans as tables, and the properties that hold for all.

use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
const NOW: Timestamp = Timestamp::from_millis(1_000 * HOUR_MS);

/// A closed, not uploaded file of 10 bytes that ended so many hours ago.
fn file(id: u32, hours_ago: i64) -> MediaFile<u32> {
    let ends_at = NOW.plus_millis(-hours_ago * HOUR_MS);
    MediaFile {
        id,
        starts_at: ends_at.plus_millis(-HOUR_MS),
        ends_at,
        size_bytes: 10,
        not_uploaded: NotUploaded { fragment_count: 2, size_bytes: 10 },
        is_open: false,
    }
}

fn uploaded(id: u32, hours_ago: i64) -> MediaFile<u32> {
    MediaFile { not_uploaded: NotUploaded::default(), ..file(id, hours_ago) }
}

fn open(id: u32, size_bytes: u64) -> MediaFile<u32> {
    MediaFile { is_open: true, size_bytes, ..file(id, 0) }
}

fn keep(size_bytes_max: u64, on_full: OnFullSize) -> DeletionPolicy {
    DeletionPolicy {
        retention_hours: 720,
        local_size: Some(LocalSizeLimit { size_bytes_max, on_full }),
        delete_after_upload: false,
    }
}

/// What the plan deletes, as text, and whether it goes on.
fn check(files: &[MediaFile<u32>], policy: &DeletionPolicy, headroom_bytes: u64, expect: &str) {
    let plan = plan(files, policy, headroom_bytes, NOW);
    let mut text: Vec<String> =
        plan.delete.iter().map(|(id, reason)| format!("{id} {}", reason.as_str())).collect();
    text.extend(plan.losses.iter().map(|loss| format!("lost {}", loss.id)));
    text.push(if plan.accept_new_media { "go on" } else { "stop" }.to_owned());
    if plan.seal_open_file {
        text.push("seal".to_owned());
    }
    assert_eq!(text.join(", "), expect);
}

#[test]
fn age_deletes_what_ended_before_the_retention_uploaded_or_not() {
    let policy =
        DeletionPolicy { retention_hours: 24, local_size: None, delete_after_upload: false };
    let files = [file(1, 25), uploaded(2, 24), file(3, 23), open(4, 10)];
    check(&files, &policy, 0, "1 expired, 2 expired, lost 1, go on");
}

#[test]
fn after_upload_only_whole_closed_files_go() {
    let policy =
        DeletionPolicy { retention_hours: 24, local_size: None, delete_after_upload: true };
    let half =
        MediaFile { not_uploaded: NotUploaded { fragment_count: 1, size_bytes: 5 }, ..file(2, 2) };
    let open = MediaFile { is_open: true, ..uploaded(3, 0) };
    check(&[uploaded(1, 3), half, open], &policy, 0, "1 uploaded, go on");
}

#[test]
fn size_deletes_uploaded_media_first_then_the_oldest() {
    let files = [file(1, 9), file(2, 8), uploaded(3, 7), uploaded(4, 6), file(5, 5)];
    check(&files, &keep(50, OnFullSize::DeleteOldestMedia), 0, "go on");
    check(&files, &keep(49, OnFullSize::DeleteOldestMedia), 0, "3 local size, go on");
    check(
        &files,
        &keep(29, OnFullSize::DeleteOldestMedia),
        0,
        "3 local size, 4 local size, 1 local size, lost 1, go on",
    );
}

#[test]
fn headroom_and_the_open_file_count() {
    let files = [file(1, 9), file(2, 8), open(3, 15)];
    check(&files, &keep(35, OnFullSize::DeleteOldestMedia), 0, "go on");
    check(&files, &keep(35, OnFullSize::DeleteOldestMedia), 1, "1 local size, lost 1, go on");
    check(
        &files,
        &keep(15, OnFullSize::DeleteOldestMedia),
        1,
        "1 local size, 2 local size, lost 1, lost 2, stop, seal",
    );
}

#[test]
fn deny_new_media_deletes_nothing_and_stops() {
    let files = [uploaded(1, 9), file(2, 8)];
    check(&files, &keep(30, OnFullSize::DenyNewMedia), 10, "go on");
    check(&files, &keep(29, OnFullSize::DenyNewMedia), 10, "stop");
}

#[test]
fn what_is_due_makes_room_before_anything_else_is_deleted() {
    let policy = DeletionPolicy { retention_hours: 24, ..keep(20, OnFullSize::DeleteOldestMedia) };
    check(&[file(1, 30), file(2, 3), file(3, 2)], &policy, 0, "1 expired, lost 1, go on");
    let deny = DeletionPolicy { retention_hours: 24, ..keep(20, OnFullSize::DenyNewMedia) };
    check(&[file(1, 30), file(2, 3), file(3, 2)], &deny, 0, "1 expired, lost 1, go on");
}

#[test]
fn the_reserve_takes_uploaded_media_of_any_stream_first_and_spares_deny_new_media() {
    let free = DeletionPolicy { retention_hours: 24, local_size: None, delete_after_upload: false };
    let deny = keep(1000, OnFullSize::DenyNewMedia);
    let one = [file(1, 9), uploaded(2, 2)];
    let two = [uploaded(3, 5), file(4, 12), open(5, 100)];
    let spared = [uploaded(6, 20)];
    let streams = [
        StreamMedia { policy: &free, files: &one[..] },
        StreamMedia { policy: &free, files: &two[..] },
        StreamMedia { policy: &deny, files: &spared[..] },
    ];
    let ids = |missing_bytes| {
        let plan = plan_reserve(&streams, missing_bytes);
        (
            plan.delete.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            plan.losses.len(),
            plan.accept_new_media,
        )
    };
    assert_eq!(ids(0), (vec![], 0, true));
    assert_eq!(ids(1), (vec![3], 0, true));
    assert_eq!(ids(25), (vec![3, 2, 4], 1, true));
    assert_eq!(ids(41), (vec![3, 2, 4, 1], 2, false));
}

fn any_file() -> impl Strategy<Value = MediaFile<u32>> {
    (0i64..100, 0u64..1000, 0u64..4, prop::bool::weighted(0.1)).prop_map(
        |(hours_ago, size_bytes, fragments, is_open)| MediaFile {
            size_bytes,
            not_uploaded: NotUploaded {
                fragment_count: fragments,
                size_bytes: fragments.min(size_bytes),
            },
            is_open,
            ..file(0, hours_ago)
        },
    )
}

fn any_files() -> impl Strategy<Value = Vec<MediaFile<u32>>> {
    prop::collection::vec(any_file(), 0..40).prop_map(|mut files| {
        for (id, file) in (0..).zip(&mut files) {
            file.id = id;
        }
        files
    })
}

fn any_policy() -> impl Strategy<Value = DeletionPolicy> {
    let on_full =
        prop::sample::select(vec![OnFullSize::DeleteOldestMedia, OnFullSize::DenyNewMedia]);
    let limit = (0u64..20_000, on_full)
        .prop_map(|(size_bytes_max, on_full)| LocalSizeLimit { size_bytes_max, on_full });
    (1u32..120, prop::option::of(limit), any::<bool>()).prop_map(
        |(retention_hours, local_size, delete_after_upload)| DeletionPolicy {
            retention_hours,
            local_size,
            delete_after_upload,
        },
    )
}

fn execute(files: &[MediaFile<u32>], delete: &[(u32, Reason)]) -> Vec<MediaFile<u32>> {
    files.iter().filter(|file| !delete.iter().any(|(id, _)| *id == file.id)).copied().collect()
}

fn bytes(files: &[MediaFile<u32>]) -> u64 {
    files.iter().map(|file| file.size_bytes).sum()
}

proptest! {
    #[test]
    fn a_plan_that_is_executed_leaves_nothing_to_plan_and_keeps_the_limit(
        files in any_files(), policy in any_policy(), headroom_bytes in 0u64..3000,
    ) {
        let first = plan(&files, &policy, headroom_bytes, NOW);
        let left = execute(&files, &first.delete);
        prop_assert_eq!(left.len() + first.delete.len(), files.len());

        let second = plan(&left, &policy, headroom_bytes, NOW);
        prop_assert_eq!(&second.delete, &vec![]);
        prop_assert_eq!(second.accept_new_media, first.accept_new_media);

        // Whoever may write has room for all that may be written before the next plan.
        if let Some(limit) = policy.local_size.filter(|_| first.accept_new_media) {
            prop_assert!(bytes(&left) + headroom_bytes <= limit.size_bytes_max);
        }
        for (id, reason) in &first.delete {
            let file = files.iter().find(|file| file.id == *id).unwrap();
            prop_assert!(!file.is_open);
            let is_lost = file.not_uploaded.fragment_count > 0;
            prop_assert_eq!(first.losses.iter().any(|loss| loss.id == *id && loss.reason == *reason), is_lost);
            // Media that exists nowhere else goes for room only when no other is left.
            if *reason == Reason::LocalSize && is_lost {
                prop_assert!(left.iter().all(|file| file.is_open || file.not_uploaded.fragment_count > 0));
            }
        }
    }

    #[test]
    fn the_reserve_is_reached_or_nothing_is_left_to_delete(
        one in any_files(), two in any_files(), policies in (any_policy(), any_policy()), missing_bytes in 0u64..30_000,
    ) {
        let mut two = two;
        two.iter_mut().for_each(|file| file.id += 1000);
        let streams = [
            StreamMedia { policy: &policies.0, files: &one },
            StreamMedia { policy: &policies.1, files: &two },
        ];
        let plan = plan_reserve(&streams, missing_bytes);
        let freed = bytes(&one) + bytes(&two) - bytes(&execute(&one, &plan.delete)) - bytes(&execute(&two, &plan.delete));
        prop_assert_eq!(plan.accept_new_media, freed >= missing_bytes);
        // Not one file more than needed: without the last, the bytes are missing.
        if let Some((last, _)) = plan.delete.last() {
            let size = one.iter().chain(&two).find(|file| file.id == *last).map_or(0, |file| file.size_bytes);
            prop_assert!(freed - size < missing_bytes);
        }
    }

    #[test]
    fn the_limit_holds_at_every_moment_of_recording(
        writes in prop::collection::vec((1u64..50, any::<bool>()), 1..300), limit in 60u64..400,
    ) {
        // A recorder that asks before each write for exactly what it is about to write, and closes files as told.
        let policy = keep(limit, OnFullSize::DeleteOldestMedia);
        let mut files: Vec<MediaFile<u32>> = vec![open(0, 0)];
        let mut next_id = 1;
        for (size_bytes, roll) in writes {
            let before = plan(&files, &policy, size_bytes, NOW);
            files = execute(&files, &before.delete);
            if before.seal_open_file || roll {
                files.iter_mut().for_each(|file| file.is_open = false);
                files.push(open(next_id, 0));
                next_id += 1;
            }
            if before.accept_new_media {
                files.last_mut().unwrap().size_bytes += size_bytes;
            }
            prop_assert!(bytes(&files) <= limit);
        }
    }
}

/// The plan of somebody who looks at every file, as a table of what goes and why.
fn plan_over_all(
    files: &[MediaFile<u32>],
    policy: &DeletionPolicy,
    headroom_bytes: u64,
) -> (Vec<(u32, Reason)>, bool, bool) {
    let retention_ms = i64::from(policy.retention_hours) * HOUR_MS;
    let is_uploaded = |file: &MediaFile<u32>| file.not_uploaded.fragment_count == 0;
    let (mut delete, mut kept) = (Vec::new(), Vec::new());
    for file in files {
        if file.is_open {
            kept.push(*file);
        } else if is_uploaded(file) && policy.delete_after_upload {
            delete.push((file.id, Reason::Uploaded));
        } else if file.ends_at.plus_millis(retention_ms) <= NOW {
            delete.push((file.id, Reason::Expired));
        } else {
            kept.push(*file);
        }
    }
    delete.sort_unstable();
    let Some(limit) = policy.local_size else { return (delete, true, false) };
    let mut wanted_bytes = bytes(&kept) + headroom_bytes;
    let mut seal = false;
    if limit.on_full == OnFullSize::DeleteOldestMedia {
        let mut victims: Vec<_> = kept.iter().filter(|file| !file.is_open).collect();
        victims.sort_by_key(|file| (!is_uploaded(file), file.ends_at));
        let mut for_room = Vec::new();
        for file in victims {
            if wanted_bytes > limit.size_bytes_max {
                wanted_bytes -= file.size_bytes;
                for_room.push((file.id, Reason::LocalSize));
            }
        }
        delete.extend(for_room);
        let has_open_file = kept.iter().any(|file| file.is_open && file.size_bytes > 0);
        seal = wanted_bytes > limit.size_bytes_max && has_open_file;
    }
    (delete, wanted_bytes <= limit.size_bytes_max, seal)
}

/// Counts how many files are asked for.
struct Counted<'a>(&'a [MediaFile<u32>], std::cell::Cell<usize>);

impl LocalMedia<u32> for Counted<'_> {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }
    fn open_size_bytes(&self) -> u64 {
        self.0.open_size_bytes()
    }
    fn uploaded(&self) -> impl Iterator<Item = MediaFile<u32>> {
        self.0.uploaded().inspect(|_| self.1.set(self.1.get() + 1))
    }
    fn not_uploaded(&self) -> impl Iterator<Item = MediaFile<u32>> {
        self.0.not_uploaded().inspect(|_| self.1.set(self.1.get() + 1))
    }
}

proptest! {
    #[test]
    fn a_plan_is_that_of_a_look_at_every_file_and_asks_for_hardly_more_than_it_deletes(
        files in any_files(), policy in any_policy(), headroom_bytes in 0u64..3000,
    ) {
        let media = Counted(&files, std::cell::Cell::new(0));
        let found = plan(&media, &policy, headroom_bytes, NOW);
        prop_assert!(media.1.get() <= found.delete.len() + 2);
        let due = found.delete.iter().filter(|(_, reason)| *reason != Reason::LocalSize).count();
        let mut delete = found.delete;
        delete[..due].sort_unstable();
        let expected = plan_over_all(&files, &policy, headroom_bytes);
        prop_assert_eq!((delete, found.accept_new_media, found.seal_open_file), expected);
    }
}
