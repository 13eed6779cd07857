//! Every template, embedded: one line each. A test compares this list with the folder.

/// (name, text): the name is the path under `templates/` without `.tera`; its folder is the target.
pub(super) const TEMPLATES: &[(&str, &str)] = &[
    (
        "alb/template",
        include_str!("../../templates/alb/template.tera"),
    ),
    (
        "caddy/caddy.json",
        include_str!("../../templates/caddy/caddy.json.tera"),
    ),
    (
        "envoy/envoy.yaml",
        include_str!("../../templates/envoy/envoy.yaml.tera"),
    ),
    (
        "haproxy/haproxy.cfg",
        include_str!("../../templates/haproxy/haproxy.cfg.tera"),
    ),
    (
        "ingress/ingress.yaml",
        include_str!("../../templates/ingress/ingress.yaml.tera"),
    ),
    (
        "ingress/values.yaml",
        include_str!("../../templates/ingress/values.yaml.tera"),
    ),
    (
        "nginx/http",
        include_str!("../../templates/nginx/http.tera"),
    ),
    (
        "nginx/nginx.conf",
        include_str!("../../templates/nginx/nginx.conf.tera"),
    ),
    (
        "traefik/dynamic.yml",
        include_str!("../../templates/traefik/dynamic.yml.tera"),
    ),
    (
        "traefik/traefik.yml",
        include_str!("../../templates/traefik/traefik.yml.tera"),
    ),
];
