// The part of StreamTransport that is about TLS: whose certificates, the handshake, and who the peer turned out to be.

#include <memory>
#include <utility>

#include "controlplane/net/stream_connection.h"
#include "controlplane/net/stream_transport.h"
#include "platform/os/log.h"

namespace sallyport::net {

void StreamTransport::set_tls(std::size_t profile, std::shared_ptr<const TlsContext> context) {
    if (tls_.size() <= profile) tls_.resize(profile + 1);
    tls_[profile] = std::move(context);
}

// nullptr: the certificates have not come yet.
std::shared_ptr<const TlsContext> StreamTransport::tls_of(std::uint16_t sip_interface) const {
    const auto& profile = interfaces_.at(sip_interface).tls_profile;
    return profile && *profile < tls_.size() ? tls_[*profile] : nullptr;
}

// False: it is closed.
bool StreamTransport::begin_handshake(Connection& connection) {
    const auto& path = connection.path;
    std::unique_ptr<TlsSession> session;
    if (auto context = tls_of(path.sip_interface); context && connection.accepted) {
        session = TlsSession::server(std::move(context), connection.socket.fd());
    } else if (context) {
        const auto peer = handlers_.peer(path);
        const bool verify = peer.verify && context->verifies();
        session = TlsSession::client(std::move(context), connection.socket.fd(), peer.name, verify,
                                     path.remote.text() + ' ' + peer.name);
    }
    connection.shaking = connection.socket.begin_tls(std::move(session));
    if (connection.shaking) return true;
    ++counters_.handshake_failed;
    close(connection);
    return false;
}

void StreamTransport::alias(const transaction::Path& from, std::uint16_t port) {
    auto* connection = find(from.connection);
    // One that we have made leads there anyhow.
    if (connection == nullptr || !connection->accepted || connection->alias == port) return;
    auto there = connection->path;
    there.remote.port = port;
    // RFC 5923 §5, §9.3: never without a certificate, and never for a name that is not in it. Where the trunk has none,
    // the certificate must name its address.
    const auto* tls = connection->socket.tls();
    const auto peer = handlers_.peer(there);
    const auto name = peer.name.empty() ? there.remote.address.text() : peer.name;
    if (!peer.listed || !peer.verify || tls == nullptr || !tls->verified() || !tls->peer_is(name, peer.wildcards)) {
        ++counters_.aliases_ignored;
        return;
    }
    unroute(*connection);
    connection->alias = port;
    routes_[Route(there.sip_interface, there.remote, there.transport)] = connection->path.connection;
    ++counters_.aliases;
}

void StreamTransport::shake(Connection& connection) {
    const auto status = connection.socket.handshake();
    if (status == TlsSession::Status::kRead || status == TlsSession::Status::kWrite) {
        watch(connection);
        return rearm(connection);
    }
    const auto& tls = *connection.socket.tls();
    const auto remote = connection.path.remote.text();
    if (status != TlsSession::Status::kDone) {
        ++counters_.handshake_failed;
        // The peer is told why by what OpenSSL has written; the operator by this line.
        log::limited(log_limit_, loop_.now().instant, log::Level::kWarning, "TLS with {}: {}", remote, tls.error());
        return close(connection);
    }
    connection.shaking = false;
    ++counters_.handshakes;
    counters_.resumed += tls.resumed() ? 1 : 0;
    const auto peer = handlers_.peer(connection.path);
    const bool known = !connection.accepted || tls.verified();
    if (known && !peer.name.empty() && peer.verify && !tls.peer_is(peer.name, peer.wildcards)) {
        ++counters_.wrong_peer;
        log::limited(log_limit_, loop_.now().instant, log::Level::kWarning, "TLS with {}: its certificate is not {}'s",
                     remote, peer.name);
        return close(connection);
    }
    established(connection);
}

}  // namespace sallyport::net
