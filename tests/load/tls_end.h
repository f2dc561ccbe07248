#pragma once
// TLS for the streams of a load: one context for both directions, sessions resumed.

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "platform/os/result.h"

namespace sallyport::load {

struct TlsFiles {
    std::string certificate;  // PEM, with those between it and a root
    std::string key;
    std::string authorities;
};

class TlsEnd {
public:
    static os::Result<std::unique_ptr<TlsEnd>> open(const TlsFiles& files, bool resume);

    struct Free {
        void operator()(SSL* ssl) const { ::SSL_free(ssl); }
        void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
        void operator()(SSL_SESSION* session) const { ::SSL_SESSION_free(session); }
    };
    using Connection = std::unique_ptr<SSL, Free>;

    // On this socket, which does not block.
    Connection client(int fd);
    Connection server(int fd);
    bool has_session() const { return session_ != nullptr; }

private:
    TlsEnd() = default;
    static int keep_session(SSL* ssl, SSL_SESSION* session);

    std::unique_ptr<SSL_CTX, Free> client_;
    std::unique_ptr<SSL_CTX, Free> server_;
    std::unique_ptr<SSL_SESSION, Free> session_;  // the last that the other side gave; there is one other side
    bool resume_ = true;
};

}  // namespace sallyport::load
