#include "controlplane/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "platform/base/ip_address.h"

namespace sallyport::net {

namespace {

using x509::certificate_is;
using x509::openssl_error;

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* p) const {
        Free(p);
    }
};
using Ctx = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;
using Session = std::unique_ptr<SSL_SESSION, Freed<&SSL_SESSION_free>>;

constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kGroups = "X25519:P-256:P-384";
constexpr long kSessionSeconds = 3600;
constexpr std::size_t kMaxSessions = 4096;

os::Result<Ctx> make_context(const SSL_METHOD* method, const TlsSettings& settings) {
    Ctx ctx(SSL_CTX_new(method));
    if (!ctx) return std::unexpected("no TLS context: " + openssl_error());
    SSL_CTX_set_min_proto_version(ctx.get(), settings.only_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ctx.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_timeout(ctx.get(), kSessionSeconds);
    std::string groups(kGroups);  // OpenSSL's macro takes it as if it could change it
    if (SSL_CTX_set_cipher_list(ctx.get(), kCiphers12) != 1 || SSL_CTX_set1_groups_list(ctx.get(), groups.data()) != 1)
        return std::unexpected("no TLS ciphers: " + openssl_error());
    return ctx;
}

os::Result<x509::CertificateInfo> use_pair(SSL_CTX* ctx, const TlsMaterial::Pair& pair) {
    const auto chain = x509::read_certificates(pair.chain);
    if (!chain) return std::unexpected("the certificate cannot be read: " + chain.error());
    auto* own = chain->front().get();
    if (SSL_CTX_use_certificate(ctx, own) != 1)
        return std::unexpected("the certificate cannot be used: " + openssl_error());
    for (std::size_t i = 1; i < chain->size(); ++i)
        if (SSL_CTX_add1_chain_cert(ctx, (*chain)[i].get()) != 1)
            return std::unexpected("the certificate's chain cannot be used: " + openssl_error());
    const auto key = x509::read_key(pair.key);
    if (!key) return std::unexpected("the key cannot be read (it must have no password): " + key.error());
    if (SSL_CTX_use_PrivateKey(ctx, key->get()) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return std::unexpected("the key is not the certificate's: " + openssl_error());
    return x509::info_of(own);
}

os::Result<std::size_t> trust(SSL_CTX* ctx, const std::string& authorities) {
    if (authorities.empty()) return 0;
    auto* store = SSL_CTX_get_cert_store(ctx);
    const auto all = x509::read_certificates(authorities);
    if (!all) return std::unexpected("there is no certificate among the authorities");
    for (const auto& each : *all) {
        if (X509_STORE_add_cert(store, each.get()) != 1)
            return std::unexpected("an authority cannot be used: " + openssl_error());
        SSL_CTX_add_client_CA(ctx, each.get());
    }
    return all->size();
}

}  // namespace

struct TlsContext::Parts {
    std::vector<Ctx> servers;  // one for each pair
    Ctx client;
    std::vector<x509::CertificateInfo> certificates;
    bool verifies = false;
    std::unordered_map<std::string, Session> sessions;  // by peer, to be resumed

    static int choose(SSL* ssl, int*, void* context);
    static int keep(SSL* ssl, SSL_SESSION* session);
};

namespace {

// Where a client's session finds the context's parts and the peer's name.
int session_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

}  // namespace

// RFC 6066 §3: the certificate that the peer has named, else the first.
int TlsContext::Parts::choose(SSL* ssl, int*, void* context) {
    const auto& parts = *static_cast<const Parts*>(context);
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    for (const auto& server : parts.servers) {
        if (!certificate_is(SSL_CTX_get0_certificate(server.get()), name, true)) continue;
        SSL_set_SSL_CTX(ssl, server.get());
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

TlsContext::TlsContext() : parts_(std::make_unique<Parts>()) {}
TlsContext::~TlsContext() = default;

const std::vector<x509::CertificateInfo>& TlsContext::certificates() const { return parts_->certificates; }
bool TlsContext::verifies() const { return parts_->verifies; }

os::Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsMaterial& material,
                                                               const TlsSettings& settings) {
    ERR_clear_error();
    if (material.pairs.empty()) return std::unexpected("there is no certificate");
    if (settings.clients != config::TlsClients::kNone && material.authorities.empty())
        return std::unexpected("there are no authorities by which to verify certificates");
    std::shared_ptr<TlsContext> out(new TlsContext);
    auto& parts = *out->parts_;
    for (std::size_t i = 0; i < material.pairs.size(); ++i) {
        const auto where = "certificate " + std::to_string(i + 1) + ": ";
        auto server = make_context(TLS_server_method(), settings);
        if (!server) return std::unexpected(server.error());
        auto* ctx = server->get();
        auto info = use_pair(ctx, material.pairs[i]);
        if (!info) return std::unexpected(where + info.error());
        const auto count = trust(ctx, material.authorities);
        if (!count) return std::unexpected(count.error());
        parts.verifies = *count > 0;
        int verify = SSL_VERIFY_NONE;
        if (settings.clients != config::TlsClients::kNone) verify = SSL_VERIFY_PEER;
        if (settings.clients == config::TlsClients::kRequired) verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        SSL_CTX_set_verify(ctx, verify, nullptr);
        static constexpr unsigned char kId[] = "sallyport";
        SSL_CTX_set_session_id_context(ctx, kId, sizeof kId - 1);
        // Sessions live in their tickets: none is kept here.
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(ctx, 1);
        SSL_CTX_set_tlsext_servername_callback(ctx, &Parts::choose);
        SSL_CTX_set_tlsext_servername_arg(ctx, &parts);
        parts.servers.push_back(std::move(*server));
        parts.certificates.push_back(std::move(*info));
    }
    auto client = make_context(TLS_client_method(), settings);
    if (!client) return std::unexpected(client.error());
    if (auto info = use_pair(client->get(), material.pairs.front()); !info) return std::unexpected(info.error());
    if (auto count = trust(client->get(), material.authorities); !count) return std::unexpected(count.error());
    SSL_CTX_set_session_cache_mode(client->get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->get(), &Parts::keep);
    parts.client = std::move(*client);
    return out;
}

// A session that can be resumed came from a peer of ours.
int TlsContext::Parts::keep(SSL* ssl, SSL_SESSION* session) {
    auto* kept = static_cast<std::pair<Parts*, const std::string*>*>(SSL_get_ex_data(ssl, session_index()));
    if (kept == nullptr) return 0;
    auto& sessions = kept->first->sessions;
    if (sessions.size() >= kMaxSessions) sessions.clear();
    sessions[*kept->second].reset(session);
    return 1;  // it is ours now
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, SSL* ssl, std::string peer)
    : context_(std::move(context)), ssl_(ssl), peer_(std::move(peer)) {}

TlsSession::~TlsSession() {
    delete static_cast<std::pair<TlsContext::Parts*, const std::string*>*>(SSL_get_ex_data(ssl_, session_index()));
    // A connection that ends without a word may still be resumed (RFC 5246 §7.2.1); OpenSSL would forbid it.
    if (SSL_is_init_finished(ssl_) == 1) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_);
}

std::unique_ptr<TlsSession> TlsSession::server(std::shared_ptr<const TlsContext> context, int fd) {
    auto* ssl = SSL_new(context->parts_->servers.front().get());
    if (ssl == nullptr) return nullptr;
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
    return std::unique_ptr<TlsSession>(new TlsSession(std::move(context), ssl, {}));
}

std::unique_ptr<TlsSession> TlsSession::client(std::shared_ptr<const TlsContext> context, int fd,
                                               const std::string& name, bool verify, const std::string& peer) {
    auto* parts = context->parts_.get();
    auto* ssl = SSL_new(parts->client.get());
    if (ssl == nullptr) return nullptr;
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (!name.empty() && !IpAddress::parse(name)) SSL_set_tlsext_host_name(ssl, name.c_str());
    std::unique_ptr<TlsSession> out(new TlsSession(std::move(context), ssl, peer));
    SSL_set_ex_data(ssl, session_index(), new std::pair<TlsContext::Parts*, const std::string*>(parts, &out->peer_));
    if (const auto it = parts->sessions.find(peer); it != parts->sessions.end()) SSL_set_session(ssl, it->second.get());
    return out;
}

TlsSession::Status TlsSession::status_of(int result) {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_NONE: return Status::kDone;
        case SSL_ERROR_WANT_READ: return Status::kRead;
        case SSL_ERROR_WANT_WRITE: return Status::kWrite;
        case SSL_ERROR_ZERO_RETURN: return Status::kClosed;
        case SSL_ERROR_SYSCALL:
            ERR_clear_error();
            error_ = "the connection broke";
            return Status::kFailed;
        default: error_ = openssl_error(); return Status::kFailed;
    }
}

TlsSession::Status TlsSession::handshake() {
    ERR_clear_error();
    const auto status = status_of(SSL_do_handshake(ssl_));
    if (status == Status::kFailed) {
        if (const auto verify = SSL_get_verify_result(ssl_); verify != X509_V_OK)
            error_ = std::string("the peer's certificate: ") + X509_verify_cert_error_string(verify);
        // What cannot be resumed is not tried again.
        if (!peer_.empty()) context_->parts_->sessions.erase(peer_);
    }
    return status;
}

TlsSession::Status TlsSession::read(std::span<char> into, std::size_t& got) {
    ERR_clear_error();
    return status_of(SSL_read_ex(ssl_, into.data(), into.size(), &got));
}

TlsSession::Status TlsSession::write(std::string_view bytes, std::size_t& written) {
    ERR_clear_error();
    return status_of(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written));
}

bool TlsSession::has_pending() const { return SSL_has_pending(ssl_) == 1; }

void TlsSession::close() {
    if (SSL_is_init_finished(ssl_) == 1) SSL_shutdown(ssl_);
    ERR_clear_error();
}

bool TlsSession::verified() const {
    return context_->verifies() && SSL_get0_peer_certificate(ssl_) != nullptr &&
           SSL_get_verify_result(ssl_) == X509_V_OK;
}

bool TlsSession::peer_is(std::string_view name, bool wildcards) const {
    const auto* certificate = SSL_get0_peer_certificate(ssl_);
    return certificate != nullptr && certificate_is(certificate, name, wildcards);
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_) == 1; }
std::string_view TlsSession::protocol() const { return SSL_get_version(ssl_); }
std::string_view TlsSession::cipher() const { return SSL_get_cipher_name(ssl_); }
std::string TlsSession::error() const { return error_; }

}  // namespace sallyport::net
