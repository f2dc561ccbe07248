#include "platform/rpc/connection.h"

#include <array>
#include <utility>

#include "platform/os/fd_passing.h"

namespace sallyport::rpc {
namespace {

constexpr std::size_t kReadsPerTurn = 16;  // then others get their turn; epoll tells us again

Error error_of(int code, std::string message) { return {.code = code, .message = std::move(message), .data = {}}; }

}  // namespace

// --- Call ---------------------------------------------------------------------------------------------

Call::Call(std::weak_ptr<Connection> connection, Request request)
    : connection_(std::move(connection)),
      method_(std::move(request.method)),
      params_(std::move(request.params)),
      id_(request.id),
      owes_answer_(!request.notification) {}

Call::Call(Call&& other) noexcept
    : connection_(std::move(other.connection_)),
      method_(std::move(other.method_)),
      params_(std::move(other.params_)),
      id_(other.id_),
      owes_answer_(std::exchange(other.owes_answer_, false)) {}

Call::~Call() {
    if (owes_answer_) fail(error_of(kInternalError, "the call was not answered"));
}

void Call::reply(json::Value result, std::vector<os::UniqueFd> descriptors) {
    answer(Reply{.result = std::move(result), .descriptors = std::move(descriptors)});
}

void Call::fail(Error error) { answer(std::unexpected(std::move(error))); }

void Call::answer(Outcome outcome) {
    if (!std::exchange(owes_answer_, false)) return;
    if (const auto connection = connection_.lock()) connection->answer(id_, std::move(outcome));
}

// --- Connection: life ---------------------------------------------------------------------------------

std::shared_ptr<Connection> Connection::make(os::EventLoop& loop, os::UniqueFd fd, ConnectionHandlers handlers,
                                             ConnectionLimits limits) {
    auto out = std::make_shared<Connection>(Private{}, loop, std::move(fd), std::move(handlers), limits);
    loop.add(out->fd_.get(), EPOLLIN, [self = out.get()](std::uint32_t events) { self->on_ready(events); });
    return out;
}

Connection::Connection(Private /*unused*/, os::EventLoop& loop, os::UniqueFd fd, ConnectionHandlers handlers,
                       ConnectionLimits limits)
    : loop_(loop),
      fd_(std::move(fd)),
      handlers_(std::move(handlers)),
      limits_(limits),
      lines_(kMaxLine),
      pending_(limits.max_outgoing_calls) {}

Connection::~Connection() { close(); }

void Connection::close() {
    if (!fd_) return;
    loop_.remove(fd_.get());
    fd_.reset();
    expiry_.cancel();
    unsent_.clear();
    received_descriptors_.clear();
    for (auto& done : pending_.take_all()) {
        done(std::unexpected(error_of(kDisconnected, "the connection ended before the answer came")));
    }
}

void Connection::close_after_flush() {
    closing_ = true;
    if (unsent_.empty()) close();
}

void Connection::shut(const std::string& reason) {
    if (!fd_) return;
    const auto keep = shared_from_this();
    const auto on_closed = std::move(handlers_.on_closed);
    close();
    if (on_closed) on_closed(reason);
}

// --- Connection: receiving ----------------------------------------------------------------------------

void Connection::on_ready(std::uint32_t events) {
    const auto keep = shared_from_this();  // a handler may let go of us
    if ((events & EPOLLOUT) != 0) flush();
    if (!fd_ || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    for (std::size_t i = 0; i < kReadsPerTurn && receive(); ++i) {
    }
}

// One read and the lines that it completes. False: nothing more to read now.
bool Connection::receive() {
    std::array<std::byte, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    auto received = os::receive_with_fds(fd_.get(), buffer, limits_.max_descriptors - received_descriptors_.size());
    if (!received) {
        shut(received.error());
        return false;
    }
    if (received->would_block) return false;
    if (received->closed) {
        shut("the other side closed the connection");
        return false;
    }
    for (auto& fd : received->fds) received_descriptors_.push_back(std::move(fd));
    lines_.append(std::span(buffer).first(received->bytes));
    while (fd_) {
        const auto line = lines_.next();
        if (!line) break;
        take_line(*line);
    }
    if (fd_ && lines_.overlong()) shut("a message longer than 1 MiB came");
    return static_cast<bool>(fd_);
}

void Connection::take_line(std::string_view line) {
    auto message = parse_message(line);
    if (!message) {
        // Answered, as JSON-RPC 2.0 §5 wants it; the stream is cut by newlines and stays usable.
        send(write_error(message.error().id, message.error().error));
    } else if (auto* request = std::get_if<Request>(&*message)) {
        take(std::move(*request));
    } else {
        take(std::move(std::get<Response>(*message)));
    }
}

void Connection::take(Request request) {
    const auto id = request.id;
    if (incoming_calls_ >= limits_.max_incoming_calls) {
        if (!request.notification) send(write_error(id, error_of(kOverloaded, "too many calls are outstanding")));
        return;
    }
    if (!request.notification) ++incoming_calls_;
    handlers_.on_call(Call(weak_from_this(), std::move(request)));
}

void Connection::take(Response response) {
    if (response.descriptors > received_descriptors_.size()) {
        shut("an answer promised descriptors that did not come");
        return;
    }
    std::vector<os::UniqueFd> descriptors;
    for (std::uint32_t i = 0; i < response.descriptors; ++i) {
        descriptors.push_back(std::move(received_descriptors_.front()));
        received_descriptors_.erase(received_descriptors_.begin());
    }
    if (response.for_unknown) return;  // the other side could not read something of ours; its call times out
    const auto done = pending_.take(response.id);
    arm_expiry();
    if (!done) return;  // too late, or never asked
    if (response.outcome) {
        done(Reply{.result = std::move(*response.outcome), .descriptors = std::move(descriptors)});
    } else {
        done(std::unexpected(std::move(response.outcome.error())));
    }
}

// --- Connection: calls and sending --------------------------------------------------------------------

void Connection::call(std::string method, json::Value params, Duration timeout, Done done) {
    const auto keep = shared_from_this();  // sending may find the connection dead, and the owner let go of us
    if (!fd_ || closing_) {
        done(std::unexpected(error_of(kDisconnected, "there is no connection")));
        return;
    }
    const auto id = pending_.add(loop_.now().instant + timeout, done);
    if (!id) {
        done(std::unexpected(error_of(kOverloaded, "too many calls are outstanding")));
        return;
    }
    if (params.isNull()) params = json::Value(Json::objectValue);
    const auto line =
        write_request({.id = *id, .notification = false, .method = std::move(method), .params = std::move(params)});
    if (line.size() >= kMaxLine) {
        pending_.take (*id)(std::unexpected(error_of(kOverloaded, "the call is longer than a message may be")));
        return;
    }
    arm_expiry();
    send(line);
}

void Connection::answer(std::uint64_t id, Outcome outcome) {
    if (incoming_calls_ > 0) --incoming_calls_;
    if (!fd_) return;
    if (!outcome) {
        send(write_error(id, outcome.error()));
        return;
    }
    const auto count = static_cast<std::uint32_t>(outcome->descriptors.size());
    auto line = write_result(id, outcome->result, count);
    if (line.size() >= kMaxLine || count > os::kMaxPassedFds) {
        send(write_error(id, error_of(kOverloaded, "the answer is longer than a message may be")));
        return;
    }
    send(std::move(line), std::move(outcome->descriptors));
}

void Connection::send(std::string line, std::vector<os::UniqueFd> descriptors) {
    line.push_back('\n');
    if (unsent_bytes_ + line.size() > limits_.max_unsent_bytes) {
        shut("the other side does not read");
        return;
    }
    unsent_bytes_ += line.size();
    unsent_.push_back({.bytes = std::move(line), .sent = 0, .descriptors = std::move(descriptors)});
    flush();
}

void Connection::flush() {
    while (fd_ && !unsent_.empty()) {
        auto& first = unsent_.front();
        std::vector<int> fds;
        if (first.sent == 0) {
            for (const auto& fd : first.descriptors) fds.push_back(fd.get());
        }
        const auto rest = std::as_bytes(std::span(first.bytes)).subspan(first.sent);
        const auto sent = os::send_with_fds(fd_.get(), rest, fds);
        if (!sent) {
            shut(sent.error());
            return;
        }
        if (*sent == 0) break;
        first.sent += *sent;
        unsent_bytes_ -= *sent;
        if (first.sent == first.bytes.size()) unsent_.pop_front();
    }
    if (!fd_) return;
    if (const bool wanted = !unsent_.empty(); wanted != watching_writable_) {
        watching_writable_ = wanted;
        loop_.modify(fd_.get(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    if (closing_ && unsent_.empty()) close();
}

void Connection::arm_expiry() {
    const auto next = pending_.next_deadline();
    if (next == kNever) {
        expiry_.cancel();
    } else {
        loop_.timers().arm<&Connection::expire>(expiry_, next, this);
    }
}

void Connection::expire(Instant now) {
    const auto keep = shared_from_this();
    for (auto& done : pending_.take_expired(now)) {
        done(std::unexpected(error_of(kTimeout, "no answer came in time")));
    }
    if (fd_) arm_expiry();
}

}  // namespace sallyport::rpc
