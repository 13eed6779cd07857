//! The attributes that AWS knows, and what each takes: the linter and the stand-in look at none of it.

use serde_json::Value;

/// Attributes with the numbers or words that they take.
const NUMBERS: [(&str, u64, u64); 6] = [
    ("idle_timeout.timeout_seconds", 1, 4000),
    ("deregistration_delay.timeout_seconds", 0, 3600),
    ("slow_start.duration_seconds", 30, 900),
    ("stickiness.lb_cookie.duration_seconds", 1, 604_800),
    ("stickiness.app_cookie.duration_seconds", 1, 604_800),
    ("client_keep_alive.seconds", 60, 604_800),
];
const WORDS: [(&str, &[&str]); 13] = [
    ("routing.http2.enabled", &["true", "false"]),
    (
        "routing.http.drop_invalid_header_fields.enabled",
        &["true", "false"],
    ),
    (
        "routing.http.preserve_host_header.enabled",
        &["true", "false"],
    ),
    (
        "routing.http.xff_header_processing.mode",
        &["append", "preserve", "remove"],
    ),
    ("access_logs.s3.enabled", &["true", "false"]),
    (
        "load_balancing.algorithm.type",
        &[
            "round_robin",
            "least_outstanding_requests",
            "weighted_random",
        ],
    ),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        &["on", "off"],
    ),
    ("stickiness.enabled", &["true", "false"]),
    ("stickiness.type", &["lb_cookie", "app_cookie"]),
    ("routing.http.response.server.enabled", &["true", "false"]),
    (
        "routing.http.response.x_content_type_options.header_value",
        &["nosniff"],
    ),
    (
        "routing.http.response.x_frame_options.header_value",
        &["DENY", "SAMEORIGIN"],
    ),
    ("routing.http.xff_client_port.enabled", &["true", "false"]),
];
const TEXTS: [&str; 5] = [
    "access_logs.s3.bucket",
    "access_logs.s3.prefix",
    "stickiness.app_cookie.cookie_name",
    "routing.http.response.strict_transport_security.header_value",
    "routing.http.response.content_security_policy.header_value",
];
/// Tells what of an attribute list AWS would refuse.
pub(super) fn attributes(all: &Value, refused: &mut impl FnMut(bool, &str)) {
    for one in all.as_array().into_iter().flatten() {
        let key = one["Key"].as_str().unwrap_or_default();
        let value = one["Value"].as_str().unwrap_or_default();
        let number = NUMBERS.iter().find(|it| it.0 == key);
        let words = WORDS.iter().find(|it| it.0 == key);
        refused(
            number.is_some() || words.is_some() || TEXTS.contains(&key),
            &format!("no such attribute: {key}"),
        );
        let within = |it: &(&str, u64, u64)| {
            value
                .parse::<u64>()
                .is_ok_and(|seconds| (it.1..=it.2).contains(&seconds))
        };
        refused(
            number.is_none_or(within) && words.is_none_or(|it| it.1.contains(&value)),
            &format!("{key} takes no {value}"),
        );
        refused(
            key != "stickiness.app_cookie.cookie_name" || !value.starts_with("AWSALB"),
            "the cookie's name is AWS's own",
        );
    }
    let has = |key: &str, value: &str| {
        all.as_array()
            .into_iter()
            .flatten()
            .any(|it| it["Key"] == key && it["Value"] == value)
    };
    let slow = all
        .as_array()
        .into_iter()
        .flatten()
        .any(|it| it["Key"] == "slow_start.duration_seconds");
    refused(
        !slow || has("load_balancing.algorithm.type", "round_robin"),
        "a slow start goes with turns only",
    );
}
