#include "tests/load/tls_end.h"

#include <openssl/err.h>

#include <array>

namespace sallyport::load {

namespace {

std::unexpected<std::string> failed(const std::string& what) {
    std::array<char, 256> why{};
    ::ERR_error_string_n(::ERR_get_error(), why.data(), why.size());
    return std::unexpected(what + ": " + why.data());
}

}  // namespace

os::Result<std::unique_ptr<TlsEnd>> TlsEnd::open(const TlsFiles& files, bool resume) {
    std::unique_ptr<TlsEnd> end(new TlsEnd);
    end->resume_ = resume;
    end->client_.reset(::SSL_CTX_new(::TLS_client_method()));
    end->server_.reset(::SSL_CTX_new(::TLS_server_method()));
    for (auto* context : {end->client_.get(), end->server_.get()}) {
        ::SSL_CTX_set_mode(
            context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        if (::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
            return failed(files.certificate);
        if (::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) return failed(files.key);
        if (::SSL_CTX_load_verify_locations(context, files.authorities.c_str(), nullptr) != 1)
            return failed(files.authorities);
    }
    ::SSL_CTX_set_verify(end->client_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_app_data(end->client_.get(), end.get());
    ::SSL_CTX_set_session_cache_mode(end->client_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    ::SSL_CTX_sess_set_new_cb(end->client_.get(), keep_session);
    constexpr unsigned char kContext[] = "load";
    ::SSL_CTX_set_session_id_context(end->server_.get(), kContext, sizeof(kContext) - 1);
    if (!resume) ::SSL_CTX_set_options(end->server_.get(), SSL_OP_NO_TICKET);
    return end;
}

int TlsEnd::keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* end = static_cast<TlsEnd*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
    end->session_.reset(session);
    return 1;
}

TlsEnd::Connection TlsEnd::client(int fd) {
    Connection ssl(::SSL_new(client_.get()));
    ::SSL_set_fd(ssl.get(), fd);
    ::SSL_set_connect_state(ssl.get());
    if (resume_ && session_) {
        // A copy: OpenSSL lets each be resumed once, and several connections may begin before a new one comes.
        const std::unique_ptr<SSL_SESSION, Free> session(::SSL_SESSION_dup(session_.get()));
        ::SSL_set_session(ssl.get(), session.get());
    }
    return ssl;
}

TlsEnd::Connection TlsEnd::server(int fd) {
    Connection ssl(::SSL_new(server_.get()));
    ::SSL_set_fd(ssl.get(), fd);
    ::SSL_set_accept_state(ssl.get());
    return ssl;
}

}  // namespace sallyport::load
