//! Defaults and refusals.

use vigie_kvs::shapes::edge::{MediaSourceConfig, RecorderConfig, UploaderConfig};

use super::*;

fn schedule(expression: &str, duration_in_seconds: i32) -> Option<ScheduleConfig> {
    Some(ScheduleConfig { schedule_expression: expression.to_owned(), duration_in_seconds })
}

/// The least configuration there is.
fn least() -> EdgeConfig {
    EdgeConfig {
        hub_device_arn: "arn:aws:iot:us-east-1:123456789012:thing/hub".to_owned(),
        recorder_config: RecorderConfig {
            media_source_config: MediaSourceConfig {
                media_uri_secret_arn:
                    "arn:aws:secretsmanager:us-east-1:123456789012:secret:cam-AbCdEf".into(),
                media_uri_type: MediaUriType::RtspUri,
            },
            schedule_config: None,
        },
        uploader_config: None,
        deletion_config: None,
    }
}

fn with_size(size_mb: Option<i32>, strategy: Option<StrategyOnFullSize>) -> EdgeConfig {
    let local_size_config =
        LocalSizeConfig { max_local_media_size_in_mb: size_mb, strategy_on_full_size: strategy };
    EdgeConfig {
        deletion_config: Some(DeletionConfig {
            local_size_config: Some(local_size_config),
            ..DeletionConfig::default()
        }),
        ..least()
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let plan = check(&least()).unwrap();
    assert_eq!(plan.source, SourceKind::Rtsp);
    assert_eq!(plan.recorder_schedule, Schedule::Always);
    assert_eq!(plan.uploader_schedule, Schedule::Hourly);
    assert_eq!(
        plan.deletion,
        DeletionPolicy { retention_hours: 720, local_size: None, delete_after_upload: true }
    );
    // An uploader without a schedule, as the reference allows, is hourly too.
    let uploader = EdgeConfig { uploader_config: Some(UploaderConfig::default()), ..least() };
    assert_eq!(check(&uploader).unwrap(), plan);
    let strategy = with_size(None, Some(StrategyOnFullSize::DenyNewMedia));
    assert_eq!(check(&strategy).unwrap().deletion.local_size, None);
    let sized = check(&with_size(Some(64), None)).unwrap().deletion.local_size;
    assert_eq!(
        sized,
        Some(LocalSizeLimit { size_bytes_max: 64_000_000, on_full: OnFullSize::DeleteOldestMedia })
    );
}

#[test]
fn what_is_said_is_taken() {
    let mut config = with_size(Some(2_000_000), Some(StrategyOnFullSize::DenyNewMedia));
    config.recorder_config.schedule_config = schedule("0 0 9-16 ? * MON-FRI", 3599);
    config.recorder_config.media_source_config.media_uri_type = MediaUriType::FileUri;
    config.uploader_config = Some(UploaderConfig { schedule_config: schedule("* * * * * ?", 60) });
    if let Some(deletion) = &mut config.deletion_config {
        deletion.edge_retention_in_hours = Some(1);
        deletion.delete_after_upload = Some(false);
    }
    let plan = check(&config).unwrap();
    assert_eq!(plan.source, SourceKind::File);
    let cron = |text| CronExpression::parse(text).unwrap();
    let windows = |text, duration_seconds| Schedule::Windows { cron: cron(text), duration_seconds };
    assert_eq!(plan.recorder_schedule, windows("0 0 9-16 ? * MON-FRI", 3599));
    assert_eq!(plan.uploader_schedule, windows("* * * * * ?", 60));
    assert_eq!(
        plan.deletion,
        DeletionPolicy {
            retention_hours: 1,
            local_size: Some(LocalSizeLimit {
                size_bytes_max: 2_000_000_000_000,
                on_full: OnFullSize::DenyNewMedia
            }),
            delete_after_upload: false,
        }
    );
}

#[test]
fn refusals_name_the_member_and_the_remedy() {
    let recorder = |expression, duration| {
        let mut config = least();
        config.recorder_config.schedule_config = schedule(expression, duration);
        config
    };
    let uploader = |expression, duration| EdgeConfig {
        uploader_config: Some(UploaderConfig { schedule_config: schedule(expression, duration) }),
        ..least()
    };
    let retention = |hours| EdgeConfig {
        deletion_config: Some(DeletionConfig {
            edge_retention_in_hours: Some(hours),
            ..DeletionConfig::default()
        }),
        ..least()
    };
    let refused = [
        recorder("0 0 9 * * *", 60),
        recorder("0 0 9 * * ?", 59),
        uploader("0 0 9 ? * MON-FRI/2", 60),
        uploader("0 0 9 * * ?", 3601),
        retention(0),
        retention(721),
        retention(-1),
        with_size(Some(63), None),
        with_size(Some(2_000_001), None),
    ];
    let texts: Vec<_> =
        refused.iter().map(|config| check(config).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(texts.join("\n"), @"
    EdgeConfig.RecorderConfig.ScheduleConfig.ScheduleExpression: day-of-week field: day-of-month and day-of-week are both given; write '?' in the one that should not decide (at character 11)
    EdgeConfig.RecorderConfig.ScheduleConfig.DurationInSeconds: 59 is not allowed; give 60 to 3600
    EdgeConfig.UploaderConfig.ScheduleConfig.ScheduleExpression: day-of-week field: names take no step; write the numbers instead, 2-6/2 for every second one (at character 18)
    EdgeConfig.UploaderConfig.ScheduleConfig.DurationInSeconds: 3601 is not allowed; give 60 to 3600
    EdgeConfig.DeletionConfig.EdgeRetentionInHours: 0 is not allowed; give 1 to 720
    EdgeConfig.DeletionConfig.EdgeRetentionInHours: 721 is not allowed; give 1 to 720
    EdgeConfig.DeletionConfig.EdgeRetentionInHours: -1 is not allowed; give 1 to 720
    EdgeConfig.DeletionConfig.LocalSizeConfig.MaxLocalMediaSizeInMB: 63 is not allowed; give 64 to 2000000
    EdgeConfig.DeletionConfig.LocalSizeConfig.MaxLocalMediaSizeInMB: 2000001 is not allowed; give 64 to 2000000
    ");
}

#[test]
fn a_plan_knows_whether_the_source_is_the_same() {
    let plan = check(&least()).unwrap();
    let mut other = least();
    other.recorder_config.schedule_config = schedule("0 0 9 * * ?", 60);
    assert!(plan.has_same_source(&check(&other).unwrap()));
    other.recorder_config.media_source_config.media_uri_secret_arn =
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:other-AbCdEf".into();
    assert!(!plan.has_same_source(&check(&other).unwrap()));
}
