#pragma once
// One JSON-RPC 2.0 peer on a unix stream, driven by an event loop. Both sides may call.
//
// Bounds: a line (kMaxLine), calls of ours that wait for an answer, calls of the peer that we have not answered,
// and bytes waiting to be sent. A peer that breaks a bound or the protocol loses its connection; a call too many
// of ours fails at once with kOverloaded. Each call of ours ends in exactly one outcome: answer, time-out or
// disconnection. Handlers run on the loop's thread and may destroy the connection.
//
//     auto connection = rpc::Connection::make(loop, std::move(fd), handlers);
//     connection->call("hello", params, 2s, [](rpc::Outcome outcome) { ... });

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"
#include "platform/json/json.h"
#include "platform/os/event_loop.h"
#include "platform/os/unique_fd.h"
#include "platform/rpc/line_buffer.h"
#include "platform/rpc/message.h"
#include "platform/rpc/pending_calls.h"

namespace sallyport::rpc {

class Connection;

// A call of the peer, to be answered now or later; whoever holds it owes the answer. One that is destroyed
// unanswered answers kInternalError; an answer after the connection's end goes nowhere.
class Call {
public:
    Call(Call&& other) noexcept;
    Call& operator=(Call&&) = delete;
    ~Call();

    const std::string& method() const { return method_; }
    const json::Value& params() const { return params_; }  // always an object
    void reply(json::Value result, std::vector<os::UniqueFd> descriptors = {});
    void fail(Error error);
    void answer(Outcome outcome);

private:
    friend class Connection;
    Call(std::weak_ptr<Connection> connection, Request request);
    std::weak_ptr<Connection> connection_;
    std::string method_;
    json::Value params_;
    std::uint64_t id_;
    bool owes_answer_;
};

struct ConnectionLimits {
    std::size_t max_outgoing_calls = 64;
    std::size_t max_incoming_calls = 64;
    std::size_t max_unsent_bytes = 4 * kMaxLine;
    std::size_t max_descriptors = 0;  // that the peer may send us with one answer
};

struct ConnectionHandlers {
    std::function<void(Call call)> on_call;                    // required
    std::function<void(const std::string& reason)> on_closed;  // once, unless we closed it ourselves
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    // `fd` is a connected, non-blocking unix stream.
    static std::shared_ptr<Connection> make(os::EventLoop& loop, os::UniqueFd fd, ConnectionHandlers handlers,
                                            ConnectionLimits limits = {});
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    // `done` may be called before this returns, when the call cannot be made.
    void call(std::string method, json::Value params, Duration timeout, Done done);
    void close();  // silently: outstanding calls end with kDisconnected, on_closed is not called
    // As if the other side had ended it: on_closed is called with `reason`.
    void end(const std::string& reason) { shut(reason); }
    // Ends the connection when what waits has been sent.
    void close_after_flush();
    bool open() const { return static_cast<bool>(fd_); }
    int fd() const { return fd_.get(); }

    struct Private {};
    Connection(Private, os::EventLoop& loop, os::UniqueFd fd, ConnectionHandlers handlers, ConnectionLimits limits);

private:
    friend class Call;
    struct Outgoing {
        std::string bytes;
        std::size_t sent = 0;
        std::vector<os::UniqueFd> descriptors;  // ride on the first byte
    };

    void on_ready(std::uint32_t events);
    bool receive();
    void take_line(std::string_view line);
    void take(Request request);
    void take(Response response);
    void send(std::string line, std::vector<os::UniqueFd> descriptors = {});
    void flush();
    void shut(const std::string& reason);
    void answer(std::uint64_t id, Outcome outcome);
    void expire(Instant now);
    void arm_expiry();

    os::EventLoop& loop_;
    os::UniqueFd fd_;
    ConnectionHandlers handlers_;
    ConnectionLimits limits_;
    LineBuffer lines_;
    PendingCalls pending_;
    std::deque<Outgoing> unsent_;
    std::size_t unsent_bytes_ = 0;
    bool watching_writable_ = false;
    bool closing_ = false;                            // close when all is sent
    std::vector<os::UniqueFd> received_descriptors_;  // waiting for the line that claims them
    std::size_t incoming_calls_ = 0;
    Timer expiry_;
};

}  // namespace sallyport::rpc
