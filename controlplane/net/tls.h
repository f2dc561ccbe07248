#pragma once
// TLS 1.2 and 1.3 of OpenSSL, as SIP needs it (RFC 3261 §26, RFC 5246, RFC 8446): contexts made of PEM texts, sessions
// on non-blocking sockets, and who the peer is (RFC 5922).
//
// A context does not change: new certificates are a new context, and the connections that there are keep theirs.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/time.h"
#include "platform/config/views.h"
#include "platform/os/result.h"
#include "platform/x509/certificate.h"

struct ssl_st;

namespace sallyport::net {

// PEM texts.
struct TlsMaterial {
    struct Pair {
        std::string chain;  // our certificate, then those between it and a root
        std::string key;
    };
    std::vector<Pair> pairs;  // at least one; the first is shown to whoever names none of them (RFC 6066 §3)
    std::string authorities;  // certificates by which peers are verified; may be empty: then none can be
};

struct TlsSettings {
    config::TlsClients clients = config::TlsClients::kNone;
    bool only_13 = false;
};

class TlsContext {
public:
    // An error names the part and what is wrong with it.
    static os::Result<std::shared_ptr<const TlsContext>> make(const TlsMaterial& material, const TlsSettings& settings);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    const std::vector<x509::CertificateInfo>& certificates() const;  // ours, in the order of the pairs
    bool verifies() const;                                           // there are authorities

private:
    friend class TlsSession;
    struct Parts;
    TlsContext();
    std::unique_ptr<Parts> parts_;
};

class TlsSession {
public:
    enum class Status : std::uint8_t { kDone, kRead, kWrite, kClosed, kFailed };  // kRead, kWrite: when the socket can

    // `fd` is non-blocking, connected, and outlives the session.
    static std::unique_ptr<TlsSession> server(std::shared_ptr<const TlsContext> context, int fd);
    // `name`: asked for in the handshake unless it is an address. `verify`: a peer whose certificate is not by one of
    // our authorities fails. `peer`: names the peer for the sessions that are resumed.
    static std::unique_ptr<TlsSession> client(std::shared_ptr<const TlsContext> context, int fd,
                                              const std::string& name, bool verify, const std::string& peer);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    Status handshake();
    Status read(std::span<char> into, std::size_t& got);
    Status write(std::string_view bytes, std::size_t& written);
    bool has_pending() const;  // bytes that were read from the socket and not taken, part of a record too
    void close();              // says so to the peer, once, as far as the socket takes it

    bool verified() const;  // the peer has a certificate by one of our authorities
    // As x509::certificate_is.
    bool peer_is(std::string_view name, bool wildcards) const;
    bool resumed() const;
    std::string_view protocol() const;  // "TLSv1.3"
    std::string_view cipher() const;
    std::string error() const;  // of the last kFailed

private:
    TlsSession(std::shared_ptr<const TlsContext> context, ssl_st* ssl, std::string peer);
    Status status_of(int result);

    std::shared_ptr<const TlsContext> context_;
    ssl_st* ssl_;
    std::string peer_;
    std::string error_;
};

}  // namespace sallyport::net
