//! What the reference proxy does with each feature: everything, but for what is told here. Nothing is decided elsewhere.

use crate::ir::Feature;
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Seen, Support};

/// The version that the tests run.
const SEEN: Seen = Seen::On("wsgen proxy 0.1.0");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerHttp3 => {
            unsupported("clients speak HTTP/2 or HTTP/1.1: there is no listener on UDP").seen(SEEN)
        }
        DrainTimeout => {
            approx("a reload ends no tunnel whose route stays: they live on until a stop")
                .seen(SEEN)
        }
        TlsAcme => unsupported(
            "the certificate is made on the spot, and no client trusts it: no authority is asked",
        )
        .seen(SEEN)
        .help("name its files with `cert` and `key`, and let another program renew them"),
        ListenerBind
        | ListenerRedirect
        | ListenerHttp2
        | ListenerProxyProtocol
        | ListenerPublicPort
        | ListenerUnknownHost
        | ListenerPaths
        | ListenerEncodedSlash
        | ListenerHeaderNames
        | ListenerTcpKeepalive
        | TlsTermination
        | TlsProfile
        | TlsHsts
        | TlsClientAuth
        | HostExact
        | HostWildcard
        | HostRegex
        | PathExact
        | PathPrefix
        | PathRegex
        | RouteMethods
        | WhenMethods
        | WhenHeaders
        | WhenQuery
        | WhenClients
        | WhenUpgrade
        | WhenListeners
        | WebSocketUpgrade
        | WebSocketOff
        | WebSocketOnly
        | WebSocketTokens
        | WebSocketMethods
        | WebSocketOverHttp2
        | WebSocketMaxMessage
        | WebSocketMessages
        | WebSocketPing
        | TimeoutHead
        | TimeoutClientKeepalive
        | TimeoutConnect
        | TimeoutResponse
        | TimeoutIdle
        | TimeoutWebSocketIdle
        | TimeoutMaxDuration
        | TimeoutStreamIdle
        | TimeoutUpstreamKeepalive
        | UpstreamServers
        | UpstreamWeights
        | UpstreamBackup
        | UpstreamSplit
        | BalanceRoundRobin
        | BalanceLeastConnections
        | BalanceRandom
        | BalanceHash
        | UpstreamKeepalive
        | UpstreamSlowStart
        | UpstreamResolve
        | UpstreamTcpKeepalive
        | UpstreamMaxConnections
        | UpstreamProtocol
        | UpstreamTls
        | UpstreamTlsClient
        | UpstreamResponseHead
        | Retries
        | HealthHttp
        | HealthTcp
        | HealthWebSocket
        | HealthPassive
        | StickyCookie
        | StickyCookieName
        | StickyCookieTtl
        | StickyCookieAttributes
        | StickyAppCookie
        | StickySource
        | HostHeader
        | ForwardedHeaders
        | ForwardedOff
        | TrustedProxies
        | RequestHeaders
        | ResponseHeaders
        | HeaderFacts
        | HeaderClaims
        | HeaderTlsSubject
        | LimitHead
        | LimitBody
        | LimitRequests
        | LimitRequestsExempt
        | LimitRequestsBucket
        | LimitConnections
        | LimitListenerConnections
        | AuthJwt
        | AuthJwtPlaces
        | AuthJwtAudience
        | AuthJwtStrip
        | AuthJwks
        | AuthBasic
        | AuthApiKey
        | AuthForward
        | AuthStrip
        | Origins
        | Clients
        | Cors
        | Stream
        | StreamRequest
        | Compression
        | LogAccess
        | LogRoute
        | LogFields
        | LogRedact
        | Metrics
        | Redirect
        | Respond
        | RewritePath
        | RewriteRegex
        | RewriteQuery
        | RewriteMapLocation
        | ErrorPages
        | ErrorPagesServer
        | DrainSpread
        | MaxConnections
        | Files
        | WorkerCount => exact(),
    }
}
