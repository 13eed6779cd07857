//! NGINX's directives by name: all that the open-source program knows, those that have nothing to say about requests that are passed
//! on, and those whose loss has a reason of its own.

/// Directives that change nothing that a client or a server of a proxy can see, or that every program decides for itself.
const MOOT: &[(&str, &str)] = &[
    (
        "how the process runs: each program has its own way",
        "user pid daemon master_process lock_file working_directory load_module env debug_points pcre_jit timer_resolution \
         thread_pool worker_cpu_affinity worker_priority worker_rlimit_core worker_rlimit_nofile worker_aio_requests ssl_engine \
         ssl_object_cache_inheritable use multi_accept accept_mutex accept_mutex_delay debug_connection",
    ),
    (
        "how bytes are moved and tables are sized: each program has its own way",
        "sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio aio_write directio directio_alignment output_buffers \
         postpone_output server_names_hash_max_size server_names_hash_bucket_size types_hash_max_size types_hash_bucket_size \
         variables_hash_max_size variables_hash_bucket_size map_hash_max_size map_hash_bucket_size proxy_headers_hash_max_size \
         proxy_headers_hash_bucket_size client_body_buffer_size client_body_temp_path client_body_in_file_only \
         client_body_in_single_buffer client_header_buffer_size connection_pool_size request_pool_size proxy_temp_path \
         proxy_temp_file_write_size proxy_max_temp_file_size proxy_busy_buffers_size proxy_buffers fastcgi_temp_path \
         uwsgi_temp_path scgi_temp_path open_file_cache open_file_cache_valid open_file_cache_min_uses open_file_cache_errors \
         read_ahead subrequest_output_buffer_size limit_conn_log_level limit_req_log_level log_not_found log_subrequest \
         open_log_file_cache rewrite_log uninitialized_variable_warn reset_timedout_connection lingering_close lingering_time \
         lingering_timeout etag if_modified_since max_ranges disable_symlinks msie_padding msie_refresh \
         chunked_transfer_encoding keepalive_disable ssl_buffer_size http2_chunk_size http2_body_preread_size \
         http2_recv_buffer_size http2_max_field_size http2_max_header_size http2_idle_timeout http2_recv_timeout \
         http2_max_concurrent_pushes http2_push http2_push_preload http2_pool_size zone",
    ),
    (
        "types of static files: a server says its own",
        "types default_type charset charset_types charset_map override_charset source_charset",
    ),
    (
        "the program names itself without a version, or not at all, on every target that can",
        "server_tokens",
    ),
    ("errors of the program go to its own log", "error_log"),
    (
        "TLS sessions and records: the profile decides, as Mozilla's guidelines do",
        "ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_session_ticket_key ssl_prefer_server_ciphers \
         ssl_early_data ssl_certificate_cache ssl_handshake_timeout ssl_key_log",
    ),
    (
        "there is no cache of answers that it could concern",
        "proxy_cache_bypass proxy_no_cache proxy_store proxy_store_access proxy_ignore_headers",
    ),
    (
        "it concerns static files only",
        "index root autoindex autoindex_exact_size autoindex_format autoindex_localtime expires sub_filter_once",
    ),
];

/// Directives that no spec can say, and why.
const LOST: &[(&str, &str, &str)] = &[
    (
        "static files are out of scope",
        "serve the files with a program of their own, and lead a route to it",
        "alias try_files gzip_static gunzip random_index dav_methods dav_access create_full_put_path mp4 flv image_filter",
    ),
    (
        "caching of answers is out of scope",
        "put a cache beside the gateway, or let the application answer with `Cache-Control`",
        "proxy_cache proxy_cache_path proxy_cache_key proxy_cache_valid proxy_cache_methods proxy_cache_min_uses \
         proxy_cache_lock proxy_cache_lock_age proxy_cache_lock_timeout proxy_cache_use_stale proxy_cache_revalidate \
         proxy_cache_background_update proxy_cache_convert_head proxy_cache_max_range_offset proxy_cache_purge slice",
    ),
    (
        "only HTTP leads to servers: FastCGI, uWSGI, SCGI, gRPC and memcached are out of scope",
        "let the application listen with HTTP, and lead a route to it",
        "fastcgi_pass uwsgi_pass scgi_pass grpc_pass memcached_pass fastcgi_param fastcgi_index fastcgi_split_path_info \
         fastcgi_read_timeout fastcgi_send_timeout fastcgi_connect_timeout fastcgi_buffers fastcgi_buffer_size \
         fastcgi_buffering fastcgi_intercept_errors fastcgi_keep_conn fastcgi_hide_header fastcgi_pass_header \
         fastcgi_request_buffering fastcgi_max_temp_file_size fastcgi_cache uwsgi_param uwsgi_read_timeout uwsgi_send_timeout \
         uwsgi_connect_timeout uwsgi_buffering scgi_param grpc_set_header grpc_read_timeout grpc_send_timeout \
         grpc_connect_timeout grpc_ssl_verify grpc_buffer_size",
    ),
    (
        "TCP, UDP and mail are out of scope",
        "keep NGINX, or HAProxy in TCP mode, for it",
        "stream mail",
    ),
    (
        "changing bodies is out of scope",
        "let the application write what it means",
        "sub_filter sub_filter_types sub_filter_last_modified add_before_body add_after_body addition_types ssi ssi_types \
         xslt_stylesheet",
    ),
    (
        "code inside the proxy is out of scope",
        "let the application, or a service that `auth: {forward: …}` asks, do it",
        "js_content js_import js_set js_path js_header_filter js_body_filter js_var js_fetch_trusted_certificate perl perl_set \
         perl_modules perl_require",
    ),
    (
        "values that depend on the request are out of scope, but for those that the language names",
        "where it chooses a route, write a route with `when`",
        "map geo split_clients geoip_country geoip_city set rewrite if break geoip2",
    ),
    (
        "the rate of an answer is not limited",
        "limit what a client may ask for: `limits.requests`, `limits.connections`",
        "limit_rate limit_rate_after",
    ),
    (
        "answers are not mirrored to other servers",
        "",
        "mirror mirror_request_body",
    ),
    (
        "TLS names its versions and ciphers by a profile",
        "`tls.profile: intermediate` and `modern` are Mozilla's lists",
        "ssl_conf_command ssl_crl ssl_verify_depth ssl_ocsp ssl_ocsp_cache ssl_ocsp_responder ssl_password_file",
    ),
    (
        "OCSP answers are not stapled: authorities are giving OCSP up",
        "",
        "ssl_stapling ssl_stapling_verify ssl_stapling_file ssl_stapling_responder ssl_trusted_certificate",
    ),
    (
        "HTTP/3 is asked for by the listener",
        "write `http3: on` on the listener where a target can do it",
        "http3 http3_hq http3_max_concurrent_streams http3_stream_buffer_size quic_retry quic_gso quic_host_key quic_bpf \
         quic_active_connection_id_limit",
    ),
    (
        "a page of NGINX's own numbers",
        "write `metrics: { port: 9100 }`",
        "stub_status status_zone api",
    ),
];

/// Directives that the importer reads. Where it asks nothing of one, no route is concerned.
const READ: &str = "access_log add_header allow auth_basic auth_basic_user_file auth_request auth_request_set client_header_timeout \
         client_max_body_size deny error_page events gzip gzip_comp_level gzip_min_length gzip_proxied gzip_types gzip_vary \
         hash http http2 ignore_invalid_headers internal ip_hash keepalive keepalive_timeout large_client_header_buffers \
         least_conn limit_conn limit_conn_status limit_conn_zone limit_req limit_req_status limit_req_zone listen location \
         log_format proxy_buffering proxy_connect_timeout proxy_hide_header proxy_http_version proxy_intercept_errors \
         proxy_next_upstream proxy_next_upstream_timeout proxy_next_upstream_tries proxy_pass proxy_read_timeout proxy_redirect \
         proxy_request_buffering proxy_send_timeout proxy_set_header proxy_socket_keepalive proxy_ssl_certificate \
         proxy_ssl_certificate_key proxy_ssl_name proxy_ssl_server_name proxy_ssl_trusted_certificate proxy_ssl_verify random \
         real_ip_header real_ip_recursive resolver resolver_timeout return send_timeout server server_name set_real_ip_from ssl \
         ssl_certificate ssl_certificate_key ssl_ciphers ssl_client_certificate ssl_dhparam ssl_ecdh_curve ssl_protocols \
         ssl_reject_handshake ssl_verify_client sticky underscores_in_headers upstream worker_connections worker_processes \
         worker_shutdown_timeout merge_slashes proxy_buffer_size client_body_timeout absolute_redirect port_in_redirect \
         server_name_in_redirect recursive_error_pages";

/// Further directives that NGINX knows, of which nobody here has a sentence.
const FURTHER: &str = "accept_filter add_header_inherit add_trailer add_trailer_inherit ancient_browser auth_delay auth_http auth_jwt \
         auth_jwt_key_file degradation empty_gif google_perftools_profiles gzip_buffers gzip_disable gzip_http_version \
         health_check http2_max_concurrent_streams http2_max_requests include ipv6 keepalive_min_timeout keepalive_requests \
         keepalive_time least_time limit_conn_dry_run limit_except limit_req_dry_run match max_headers max_errors \
         memcached_bind min_delete_depth modern_browser ntlm preread_buffer_size proxy_allow_upstream proxy_bind \
         proxy_cookie_domain proxy_cookie_flags proxy_cookie_path proxy_force_ranges proxy_ignore_client_abort proxy_limit_rate \
         proxy_method proxy_pass_header proxy_pass_request_body proxy_pass_request_headers proxy_pass_trailers \
         proxy_request_dynamic proxy_send_lowat proxy_set_body proxy_ssl_alpn proxy_ssl_certificate_cache proxy_ssl_ciphers \
         proxy_ssl_conf_command proxy_ssl_crl proxy_ssl_key_log proxy_ssl_password_file proxy_ssl_protocols \
         proxy_ssl_session_reuse proxy_ssl_verify_depth queue referer_hash_bucket_size referer_hash_max_size satisfy \
         secure_link secure_link_md5 secure_link_secret send_lowat session_log session_log_zone ssl_alpn \
         ssl_certificate_compression ssl_ech_file state userid userid_domain userid_expires userid_flags userid_mark \
         userid_name userid_p3p userid_path userid_service valid_referers default brotli brotli_types brotli_comp_level \
         brotli_static more_set_headers more_clear_headers more_set_input_headers more_clear_input_headers zstd zstd_types \
         modsecurity modsecurity_rules_file";

/// What is to be said of a directive that the importer asks nothing of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// It changes nothing, and why.
    Moot(&'static str),
    /// It is lost: why, and what a person can do, which may be empty.
    Lost(&'static str, &'static str),
    /// NGINX knows it, and nobody here has a sentence for it.
    Plain,
}

/// What is known of a directive by its name.
pub(super) fn known(name: &str) -> Option<Known> {
    if let Some((why, _)) = MOOT.iter().find(|(_, names)| has(names, name)) {
        return Some(Known::Moot(why));
    }
    if let Some((why, help, _)) = LOST.iter().find(|(_, _, names)| has(names, name)) {
        return Some(Known::Lost(why, help));
    }
    if name.contains("_by_lua") || name.starts_with("lua_") {
        return Some(Known::Lost(
            "code inside the proxy is out of scope",
            "let the application, or a service that `auth: {forward: …}` asks, do it",
        ));
    }
    if has(READ, name) {
        return Some(Known::Moot(
            "no route is concerned: what stands further inside says it again",
        ));
    }
    has(FURTHER, name).then_some(Known::Plain)
}

/// Whether a directive of this name is read where it can be said.
pub(super) fn is_read(name: &str) -> bool {
    has(READ, name)
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let moot = MOOT.iter().map(|(_, names)| *names);
    let lost = LOST.iter().map(|(_, _, names)| *names);
    let lists = moot.chain(lost).chain([READ, FURTHER]);
    lists.flat_map(str::split_ascii_whitespace)
}

fn has(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|it| it == name)
}
